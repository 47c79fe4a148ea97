"""What calls for a closer look before any detector speaks: it only costs a few scrapes."""

from collections.abc import Hashable, Iterator, Sequence

from etcdscope.detect.monitor import DENIED
from etcdscope.detect.network import trail
from etcdscope.detect.testimony import leader
from etcdscope.model.reading import Failure, Reading
from etcdscope.model.signal import LINEARIZABLE_OK, RAFT_LEAD, SLOW_WATCHERS, Kind
from etcdscope.model.window import Window

# What has been so for ten minutes was looked at closely for ten minutes. A certificate that ends
# next month, or a member that is down for the night, asks for no more; the next change does.
STANDING = 600.0
# Hashes are asked for once a minute: what failed then says nothing about now. A log that cannot
# be read, or a host or Kubernetes that we do not see, is no reason to ask etcd more often.
ASIDE = frozenset({"hashes", "logs", "host", "kubernetes", "apiserver", "backup", "registry"})
WORDS = frozenset({Kind.STATE, Kind.FACT})
# What is denied stays denied, however closely metrics are read.
HARMLESS = frozenset({None, Failure.UNSUPPORTED, *DENIED})


def signs(window: Window) -> Iterator[Hashable]:
    """Yield all that calls for looking at metrics, and judging, more often for now."""
    for at, look in window.looks.items():
        if look.failure not in HARMLESS and look.source not in ASIDE:
            yield "no answer", at
    lead = leader(window)
    for m in window.members:
        if not m.is_learner and window.number(m.id, LINEARIZABLE_OK) == 0:
            yield "reads wait", m.id  # a learner refuses them
        if window.word(m.id, RAFT_LEAD) == "":
            yield "no leader", m.id
        if lead and m.id != lead and trail(window, lead, m.id) is not None:
            yield "trails", m.id
        # For a moment a watcher may be behind; whether it stays so the next scrapes tell.
        if window.number(m.id, SLOW_WATCHERS):
            yield "watchers behind", m.id


def news(before: Window, readings: Sequence[Reading]) -> bool:
    """Return whether the readings bring a turn, and not merely other amounts.

    A look fails that did not, or the other way round; a word or a fact is another one.
    """
    return any(_turns(before, reading) or _says_else(before, reading) for reading in readings)


def _turns(before: Window, reading: Reading) -> bool:
    look = before.looks.get((reading.source, reading.endpoint))
    return look is None or (look.failure is None) != (reading.failure is None)


def _says_else(before: Window, reading: Reading) -> bool:
    who = reading.member or before.endpoints.get(reading.endpoint, reading.endpoint)
    for seen in reading.observations:
        if seen.signal.kind in WORDS:
            known = before.points(who, seen.signal, seen.key)
            if not known or known[-1].value != seen.value:
                return True
    return False
