"""Lists and watches of a small real server, which fails as it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.kubernetes.recorded import NAMESPACES, NODES, PODS, Object
from tests.kubernetes.server import TOKEN, FakeKubernetes, Trouble, serving

from etcdscope.model.reading import Failure
from etcdscope.sources.kubernetes import mirror
from etcdscope.sources.kubernetes.client import KubernetesClient
from etcdscope.sources.kubernetes.kubeconfig import Credentials
from etcdscope.sources.kubernetes.mirror import Mirror
from etcdscope.sources.kubernetes.objects import NamespaceThing, PodThing


async def until(holds: Callable[[], object], within_s: float = 5.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - of a real server's state
            await asyncio.sleep(0.01)


class Pauses:
    """Remembers how long it was asked to sleep, and hardly does."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await asyncio.sleep(0.005)


@asynccontextmanager
async def following(
    api: FakeKubernetes,
    path: str = NAMESPACES,
    pauses: Callable[[float], Awaitable[None]] | None = None,
) -> AsyncIterator[Mirror[NamespaceThing]]:
    """Follow a path until the block ends."""
    async with serving(api), KubernetesClient(Credentials(server=api.url, token=TOKEN)) as client:
        kept = Mirror(client, path, NamespaceThing, sleep=pauses or Pauses())
        task = asyncio.create_task(kept.run())
        try:
            yield kept
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def namespace(name: str) -> Object:
    return {"metadata": {"name": name}, "status": {"phase": "Active"}}


async def test_a_list_comes_whole_by_the_page() -> None:
    api = FakeKubernetes(page=10)
    async with following(api) as kept:
        await until(lambda: kept.known)

        assert len(kept.items) == 34
        assert api.asked.count(NAMESPACES) == 4


async def test_a_page_whose_token_expired_begins_anew_without_pages() -> None:
    api = FakeKubernetes(page=10, expire_pages=1)
    async with following(api) as kept:
        await until(lambda: kept.known)

        assert len(kept.items) == 34
        assert "limit" not in api.queries[2]


async def test_a_watch_adds_changes_and_deletes() -> None:
    api = FakeKubernetes()
    async with following(api) as kept:
        await until(lambda: api.watches(NAMESPACES))
        await api.put(NAMESPACES, namespace("new"))
        await api.delete(NAMESPACES, "media-dev")

        await until(lambda: "new" in kept.items and "media-dev" not in kept.items)
        assert kept.relists == 1


async def test_a_watch_that_ends_goes_on_from_its_version_without_a_list() -> None:
    api = FakeKubernetes()
    async with following(api) as kept:
        await until(lambda: api.watches(NAMESPACES) == 1)
        await api.put(NAMESPACES, namespace("one"))
        await until(lambda: "one" in kept.items)
        await api.cut()
        await until(lambda: api.watches(NAMESPACES) == 2)
        await api.put(NAMESPACES, namespace("two"))

        await until(lambda: "two" in kept.items)
        assert kept.relists == 1
        assert api.queries[-1]["allowWatchBookmarks"] == "true"


async def test_a_bookmark_moves_the_version_and_nothing_else() -> None:
    api = FakeKubernetes()
    async with following(api) as kept:
        await until(lambda: api.watches(NAMESPACES) == 1)
        await api.bookmark(NAMESPACES)
        await asyncio.sleep(0.1)
        await api.cut()
        await until(lambda: api.watches(NAMESPACES) == 2)

        assert api.queries[-1]["resourceVersion"] == str(api.version)
        assert len(kept.items) == 34


async def test_a_version_that_is_gone_means_a_new_list_so_that_nothing_stays_for_ever() -> None:
    """What was deleted while nobody watched must go; lightkube's watch keeps it."""
    api = FakeKubernetes()
    async with following(api) as kept:
        await until(lambda: api.watches(NAMESPACES) == 1)
        api.lose(NAMESPACES, "media-dev")
        api.forget()
        await api.cut()

        await until(lambda: kept.relists == 2)
        assert "media-dev" not in kept.items
        assert kept.failure is None


async def test_gone_as_a_status_means_a_new_list_as_well() -> None:
    api = FakeKubernetes()
    async with following(api) as kept:
        await until(lambda: api.watches(NAMESPACES) == 1)
        api.troubles[f"watch:{NAMESPACES}"] = Trouble(410, times=1)
        await api.cut()

        await until(lambda: kept.relists == 2)


@pytest.mark.parametrize(
    ("trouble", "failure", "says"),
    [
        pytest.param(Trouble(401), Failure.UNAUTHENTICATED, "token", id="a token that ended"),
        pytest.param(Trouble(403), Failure.PERMISSION_DENIED, "forbidden", id="no role"),
        pytest.param(Trouble(500), Failure.REJECTED, "told to be 500", id="an error of the server"),
        pytest.param(Trouble(404), Failure.UNSUPPORTED, "told to be 404", id="no such kind"),
        pytest.param(
            Trouble(body=b"<html>hello</html>"),
            Failure.NOT_ETCD,
            "does not answer as",
            id="garbage",
        ),
        pytest.param(
            Trouble(body=b"\xff\xfe"), Failure.NOT_ETCD, "does not answer as", id="no text"
        ),
    ],
)
async def test_what_fails_is_told_in_one_sentence_and_tried_again_ever_less_often(
    trouble: Trouble, failure: Failure, says: str
) -> None:
    api, pauses = FakeKubernetes(troubles={NAMESPACES: trouble}), Pauses()
    async with following(api, pauses=pauses) as kept:
        await until(lambda: len(pauses.asked) > 9)

        assert kept.failure
        assert kept.failure.failure is failure
        assert says in kept.failure.detail
        assert "\n" not in kept.failure.detail
        assert TOKEN not in kept.failure.detail
    assert pauses.asked[0] < 1.3
    assert pauses.asked[3] > 5.0
    assert max(pauses.asked) <= mirror.LAST_PAUSE * 1.2


async def test_a_server_that_says_when_to_come_back_is_not_asked_before() -> None:
    api, pauses = FakeKubernetes(troubles={NAMESPACES: Trouble(429, 1, retry_after="17")}), Pauses()
    async with following(api, pauses=pauses) as kept:
        await until(lambda: kept.known)

    assert pauses.asked[0] == 17.0


async def test_it_recovers_by_itself_and_says_so() -> None:
    api = FakeKubernetes(troubles={NAMESPACES: Trouble(500, times=2)})
    async with following(api) as kept:
        await until(lambda: kept.known)

        assert kept.failure is None


async def test_a_watch_that_fails_keeps_what_was_known_and_tells_why() -> None:
    api = FakeKubernetes()
    async with following(api) as kept:
        await until(lambda: api.watches(NAMESPACES) == 1)
        api.troubles[f"watch:{NAMESPACES}"] = Trouble(500)
        await api.cut()

        await until(lambda: kept.failure)
        assert len(kept.items) == 34


async def test_a_list_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "LIST_SECONDS", 0.2)
    api = FakeKubernetes(troubles={NAMESPACES: Trouble(hang=True)})
    async with following(api) as kept:
        await until(lambda: kept.failure)

        assert kept.failure
        assert kept.failure.failure is Failure.TIMEOUT


async def test_a_silent_watch_is_begun_anew_without_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its other side may be gone without a word; bookmarks would have come."""
    monkeypatch.setattr(mirror, "SILENT_SECONDS", 0.2)
    api = FakeKubernetes()
    async with following(api) as kept:
        await until(lambda: api.watches(NAMESPACES) > 2)

        assert kept.relists == 1


async def test_doubt_means_a_new_list_at_once() -> None:
    api = FakeKubernetes()
    async with following(api) as kept:
        await until(lambda: api.watches(NAMESPACES) == 1)
        api.lose(NAMESPACES, "media-dev")
        kept.doubt()

        await until(lambda: kept.relists == 2)
        assert "media-dev" not in kept.items


async def test_a_token_file_is_read_again_where_the_token_is_no_longer_known(
    tmp_path: Path,
) -> None:
    file = tmp_path / "token"
    file.write_text("the-old-one")
    api = FakeKubernetes(token="the-old-one")
    async with (
        serving(api),
        KubernetesClient(Credentials(server=api.url, token_file=file)) as client,
    ):
        await client.get(NAMESPACES)
        api.token = "the-new-one"
        file.write_text("the-new-one")
        status, _ = await client.get(NAMESPACES)

    assert status == 200


async def test_an_answer_beyond_the_bound_is_not_read_to_its_end() -> None:
    api = FakeKubernetes(troubles={NODES: Trouble(body=b"x" * 2_000_000)})
    async with serving(api), KubernetesClient(Credentials(server=api.url, token=TOKEN)) as client:
        with pytest.raises(Exception, match="more than 1 MiB") as raised:
            await client.get(NODES, max_bytes=1 << 20)

    assert getattr(raised.value, "failure", None) is Failure.TOO_LARGE


async def test_only_the_static_pods_are_asked_for() -> None:
    api = FakeKubernetes()
    selector = {"labelSelector": "component in (etcd,kube-apiserver)"}
    async with serving(api), KubernetesClient(Credentials(server=api.url, token=TOKEN)) as client:
        kept = Mirror(client, PODS, PodThing, params=selector)
        task = asyncio.create_task(kept.run())
        await until(lambda: kept.known)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert len(kept.items) == 5
