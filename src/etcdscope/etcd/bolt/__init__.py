"""etcd's database file (bbolt), read without etcd: nothing is locked, nothing is written."""
