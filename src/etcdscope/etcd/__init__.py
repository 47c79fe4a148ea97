"""What it takes to speak with etcd: channels, TLS, calls, failures, log lines."""
