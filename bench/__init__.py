"""Benchmarks of etcdscope, outside the package; each prints its figures and how they were taken."""
