"""What calls for a closer look before any detector speaks: it only costs a few scrapes."""

from etcdscope.detect.monitor import DENIED
from etcdscope.detect.network import trail
from etcdscope.detect.testimony import leader
from etcdscope.model.reading import Failure
from etcdscope.model.signal import LINEARIZABLE_OK, RAFT_LEAD
from etcdscope.model.window import Window


def suspect(window: Window) -> bool:
    """Return whether metrics should be read more often for now."""
    # Hashes are asked for once a minute: what failed then says nothing about now. A log that cannot
    # be read, or a host that we do not see, is no reason to ask etcd more often.
    slow = ("hashes", "logs", "host", "registry")
    asked = [look for look in window.looks.values() if look.source not in slow]
    failures = {look.failure for look in asked}
    # What is denied stays denied, however closely metrics are read.
    if failures - {None, Failure.UNSUPPORTED, *DENIED}:
        return True
    lead = leader(window)
    voters = window.voters  # a learner refuses linearizable reads
    return any(window.number(m.id, LINEARIZABLE_OK) == 0 for m in voters) or any(
        window.word(m.id, RAFT_LEAD) == ""
        or (lead and m.id != lead and trail(window, lead, m.id) is not None)
        for m in window.members
    )
