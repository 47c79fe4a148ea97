"""What it takes to speak with etcd: channels, TLS, RPCs, error codes, bbolt pages."""
