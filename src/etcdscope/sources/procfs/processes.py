"""Which processes are etcds, without reading all of /proc again and again."""

from etcdscope.sources.procfs.files import Files

# etcd itself, and k3s, which has it inside. Who listens on the port is looked at in any case.
_NAMES = ("etcd", "k3s")
_NEVER = frozenset({"etcdctl", "etcdutl", "etcdscope"})
# A child is called like its parent until it becomes another program.
_SETTLES = 30.0
# New processes that one search looks at, at most: 15 µs each.
_MOST = 4_000


class Processes:
    """Remembers what it has looked at; a search looks at what is new."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}  # since when
        self._etcds: set[int] = set()

    def etcds(self, files: Files, now: float) -> tuple[int, ...]:
        """Return the processes that are called like an etcd."""
        there = files.pids()
        gone = self._seen.keys() - set(there)
        for pid in gone:
            del self._seen[pid]
        self._etcds -= gone
        new = [pid for pid in there if now - self._seen.get(pid, now) < _SETTLES]
        for pid in new[-_MOST:]:
            self._seen.setdefault(pid, now)
            name = files.of(pid, "comm").strip().decode(errors="replace")
            if name.startswith(_NAMES) and name not in _NEVER:
                self._etcds.add(pid)
            else:
                self._etcds.discard(pid)
        return tuple(sorted(self._etcds))
