"""What the agent serves over HTTP: the page, the API, its own metrics, and whether it lives."""
