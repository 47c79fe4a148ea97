"""The composition root: settings become parts, and the parts run in one TaskGroup.

To see how an agent is put together, read ``live.py``; it names the others in their order.
"""

from etcdscope.app.checking import Checked, check
from etcdscope.app.live import Named, Troubled, serve, watch
from etcdscope.app.replaying import replay
from etcdscope.app.settings import Settings
from etcdscope.app.showing import Ready
from etcdscope.fleet import Tell

__all__ = [
    "Checked",
    "Named",
    "Ready",
    "Settings",
    "Tell",
    "Troubled",
    "check",
    "replay",
    "serve",
    "watch",
]
