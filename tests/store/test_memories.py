"""Which memory is found again, and how often it is written."""

from dataclasses import replace
from pathlib import Path

from etcdscope.model.memory import Change, Mark, Memory
from etcdscope.model.window import Window
from etcdscope.store.history import History
from etcdscope.store.memories import REMEMBER_EVERY, Memories

NOW = 1_795_330_000.0
HERE, THERE = "http://10.0.0.1:2379", "http://10.0.0.9:2379"


def seen(memory: Memory, now: float = NOW) -> Window:
    return Window(now=now, memory=memory)


def memory(home: str, endpoint: str, revision: float = 5.0, at: float = NOW) -> Memory:
    return Memory(home, home, (endpoint,), (), Mark(revision, at), Mark(revision, at))


async def test_memory_is_found_by_where_its_cluster_was_looked_at(tmp_path: Path) -> None:
    async with History.open(tmp_path) as history:
        Memories(history).keep(seen(memory("c1", HERE)))
        Memories(history).keep(seen(memory("c2", THERE)))
        await history.flush()

        assert await Memories(history).recall([HERE]) == memory("c1", HERE)
        assert await Memories(history).recall([THERE, "http://new:2379"]) == memory("c2", THERE)
        assert await Memories(history).recall(["http://new:2379"]) is None


async def test_of_two_at_one_address_the_later_one_counts(tmp_path: Path) -> None:
    async with History.open(tmp_path) as history:
        for home, at in (("c1", NOW), ("c2", NOW + 9), ("c3", NOW + 5)):
            Memories(history).keep(seen(memory(home, HERE, at=at)))
        await history.flush()

        found = await Memories(history).recall([HERE])

    assert found
    assert found.home == "c2"


async def test_numbers_are_written_now_and_then_and_changes_at_once(tmp_path: Path) -> None:
    async def kept() -> Memory:
        await history.flush()
        found = await history.archive.recall("c1", "memory")
        assert isinstance(found, Memory)
        return found

    first = memory("c1", HERE)
    grown = replace(first, revision=Mark(9.0, NOW))
    changed = replace(grown, changes=(Change("cluster", NOW, "", "c1", "c2"),))
    async with History.open(tmp_path) as history:
        memories = Memories(history)
        memories.keep(seen(first))
        memories.keep(seen(grown, NOW + REMEMBER_EVERY - 0.1))
        assert await kept() == first
        memories.keep(seen(grown, NOW + REMEMBER_EVERY))
        assert await kept() == grown
        memories.keep(seen(changed, NOW + REMEMBER_EVERY + 0.1))
        assert await kept() == changed
        more = replace(changed, revision=Mark(10.0, NOW))
        memories.keep(seen(more, NOW + REMEMBER_EVERY + 0.2), last=True)
        assert await kept() == more


async def test_without_a_history_nothing_is_kept() -> None:
    memories = Memories(None)
    memories.keep(seen(memory("c1", HERE)))

    assert await memories.recall([HERE]) is None
