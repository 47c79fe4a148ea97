"""What a metric of etcd really is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """One metric family. ``kind``: as it behaves, whatever its name or type says.

    ``trap``: where it misleads. ``good``: what is to be seen when all is well. ``ask``: PromQL.
    ``causes``: detectors that use it, beside those whose signal it is. ``since``, ``until``: of
    etcd's releases.
    """

    name: str
    kind: str
    means: str
    trap: str = ""
    good: str = ""
    ask: str = ""
    causes: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
