"""The metrics of etcd, as they really are. Read from etcd's sources and recorded scrapes."""

from collections.abc import Iterator

from etcdscope.surfaces.explain.metrics.note import Note
from etcdscope.surfaces.explain.metrics.process import GROUPS, GRPC, PROCESS
from etcdscope.surfaces.explain.metrics.raft import PEERS, SERVER
from etcdscope.surfaces.explain.metrics.storage import DATABASE, DISK, TRAFFIC

NOTES: dict[str, Note] = {
    note.name: note for note in (*SERVER, *PEERS, *DISK, *DATABASE, *TRAFFIC, *GRPC, *PROCESS)
}
# What histograms and recording rules put behind a family's name.
_SUFFIXES = ("_bucket", "_sum", "_count")


def family(word: str) -> str:
    """Return the metric's family: without labels, and without a histogram's ending."""
    bare = word.strip().partition("{")[0].strip()
    known = next((name for name in _spellings(bare) if name in NOTES), None)
    return known or next((n for n in _spellings(bare) if _group(n)), bare)


def note(word: str) -> Note | None:
    """Return what is known of a metric, however it is written."""
    name = family(word)
    return NOTES.get(name) or _group(name)


def _spellings(bare: str) -> Iterator[str]:
    yield bare
    for suffix in _SUFFIXES:
        if bare.endswith(suffix):
            yield bare.removesuffix(suffix)
    yield f"{bare}_total"  # people leave it out


def _group(name: str) -> Note | None:
    if not name.replace("_", "").isalnum() or name in {g.name.rstrip("_") for g in GROUPS[:3]}:
        return None
    fits = [group for group in GROUPS if name.startswith(group.name)]
    return max(fits, key=lambda group: len(group.name), default=None)
