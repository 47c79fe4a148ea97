"""What calls for a closer look before any detector speaks: it only costs a few scrapes."""

from etcdscope.detect.network import trail
from etcdscope.detect.testimony import leader
from etcdscope.model.reading import Failure
from etcdscope.model.signal import LINEARIZABLE_OK, RAFT_LEAD
from etcdscope.model.window import Window


def suspect(window: Window) -> bool:
    """Return whether metrics should be read more often for now."""
    # Hashes are asked for once a minute: what failed then says nothing about now. A log that cannot
    # be read, or a host that we do not see, is no reason to ask etcd more often.
    asked = [
        look for look in window.looks.values() if look.source not in ("hashes", "logs", "host")
    ]
    failures = {look.failure for look in asked}
    if failures - {None, Failure.UNSUPPORTED}:
        return True
    lead = leader(window)
    return any(
        window.number(m.id, LINEARIZABLE_OK) == 0
        or window.word(m.id, RAFT_LEAD) == ""
        or (lead and m.id != lead and trail(window, lead, m.id) is not None)
        for m in window.members
    )
