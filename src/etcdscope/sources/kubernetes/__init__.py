"""What is read of Kubernetes: its API, and each of its API servers."""
