"""What a new start of ours remembers of the last half day: sizes and revisions, by the samples."""

from collections.abc import Sequence
from math import isnan

from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import LONG
from etcdscope.store.archive import Archive
from etcdscope.store.sampler import REMEMBERED

_BY_NAME = {signal.name: long for signal, long in LONG.items()}


async def remembered(
    archive: Archive, now: float, clusters: Sequence[str] | None = None
) -> tuple[Reading, ...]:
    """Return readings that fill the window's long memory, oldest first, up to a minute ago.

    ``clusters``: under which names the history holds what is wanted; None for all there are.
    They are readings like any other, so that a recording of what follows replays to the same.
    """
    found: dict[tuple[float, str], list[Observation]] = {}
    for cluster in await archive.clusters() if clusters is None else clusters:
        wanted = [w for w in await archive.known_series(cluster) if w.signal in _BY_NAME]
        for one in wanted:
            long = _BY_NAME[one.signal]
            points = await archive.series(
                cluster,
                one.member,
                one.signal,
                begin=now - long.keep,
                end=now - long.every,
                step=long.every,
            )
            for at, value in zip(points.at.tolist(), points.value.tolist(), strict=True):
                if not isnan(value) and at < now:
                    found.setdefault((at, one.member), []).append(Observation(long, value))
    return tuple(
        Reading(REMEMBERED, "", at, member=member, observations=tuple(seen))
        for (at, member), seen in sorted(found.items())
    )
