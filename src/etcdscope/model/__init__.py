"""The language between the rooms: frozen values and window arithmetic, no I/O, no clock."""

# Who takes any part of the model has the whole table of signals.
from etcdscope.model import signal_kubernetes as signal_kubernetes
