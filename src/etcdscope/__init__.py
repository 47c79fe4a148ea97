"""Watches etcd clusters: what goes wrong, why, and what to do, before it is too late."""

__version__ = "0.1.0"
