"""etcd's log lines: every form they come in, what each message means, and as typed events."""
