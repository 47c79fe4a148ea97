"""What ``/proc`` and ``/sys`` tell of an etcd that runs on this machine. Blocking, and quick."""
