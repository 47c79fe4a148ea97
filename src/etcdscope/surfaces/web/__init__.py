"""What the agent serves over HTTP: whether it lives, its own metrics, and what it sees as JSON."""
