"""The key space of etcd, counted: from a live member or from a file. Values are never kept."""
