"""Every view at both widths, each in one theme: what it says, how it fits, who can use it."""

import time
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
import pytest_asyncio
from tests.page import censuses, stories, told
from tests.page.conftest import DESKTOP, PHONE, Look, Looks, Theme
from tests.page.fake_agent import FakeAgent, fleet

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NOW = time.time()
SICK = told.Cluster("sick", NOW, "critical")
SICK.incidents = [
    stories.slow_disk(SICK, NOW - 200),
    stories.slow_disk(SICK, NOW - 7000, NOW - 6900),
]
INCIDENT = quote(SICK.incidents[0]["incident"], safe="")
OVER = quote(SICK.incidents[1]["incident"], safe="")
MEMBER = SICK.rows[0]["id"]

# View: its address, and what must be read there.
VIEWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "fleet": (
        "#/fleet",
        ("2 need you now, 3 degraded, 1 cannot be judged.", "sick", "13 clusters"),
    ),
    "fleet, one group a tier": ("#/fleet?group=tier", ("prod", "stage", "edge", "no tier")),
    "fleet, filtered": ("#/fleet?q=us-2%20edge", ("No cluster fits.",)),
    "cluster": (
        "#/c/prod-eu-1",
        ("etcd is fine.", "margin 1", "one member may be lost", "leader · term 14", "Roles"),
    ),
    "five members": ("#/c/five", ("margin 2", "m5", "2 members may be lost")),
    "long names": ("#/c/long", ("ip-…rnal-1", "ip-10…internal-1")),
    "cluster in trouble": (
        "#/c/sick",
        (
            "Writes are slow: m1 waits 412 ms for its WAL disk.",
            "almost certain",
            "What to do",
            "margin 0",
            "no member may be lost",
            "Not judged: one thing",
            "WAL fsync p99",
            "At this pace it is full in 9 to 12 days",
        ),
    ),
    "incidents": ("#/c/sick/incidents", ("Open", "over after 100 s", "wal-fsync-slow")),
    "incident": (
        f"#/c/sick/incident/{INCIDENT}",
        (
            "WAL fsync of m1 rises past 100 ms",
            "etcdctl --endpoints=https://10.0.0.1:2379 move-leader 2c0ffee",
            "m2 writes as quickly as ever",
            "Status and /debug/vars of m1 answer within 2 ms",
            "slow fdatasync took 412.1ms",
            "Writes are slow: m1 waits 210 ms for its WAL disk",
            "another writer",
        ),
    ),
    "incident that is over": (f"#/c/sick/incident/{OVER}", ("No write was lost", "over")),
    "member": (
        f"#/c/sick/member/{MEMBER}",
        ("10.0.0.1:2379", "etcd 3.5.30", "WAL fsync p99", "412 ms", "it is behind", "cut"),
    ),
    "registry": (
        "#/c/sick/registry",
        ("events hold 42 % of 1.2 GB", "Since yesterday", "+61 MB", "sh.helm.release.v1.shop.v0"),
    ),
    "registry, one resource": ("#/c/sick/registry?open=events", ("kube-system", "all keys")),
    "catalogue": ("#/catalogue", ("quorum-lost", "What etcdscope can tell")),
    "explain": ("#/catalogue/wal-fsync-slow", ("The member waits long for its WAL disk.",)),
    "benchmarks": ("#/benchmarks", ("What was measured", "seconds", "make bench")),
    "past": (
        f"#/c/sick?at={NOW - 600:.0f}",
        ("You are looking at", "nothing here is live", "Back to now", "m2 leads"),
    ),
    "past without history": (
        f"#/c/sick?at={NOW - 90_000:.0f}",
        ("There is nothing here.", "it begins an hour ago", "Back to now"),
    ),
    "no such cluster": ("#/c/nope", ("There is nothing here.", "No such cluster is watched.")),
    "no such incident": ("#/c/sick/incident/nope", ("No such incident is known.",)),
    "no such member": ("#/c/sick/member/nope", ("There is no such member.",)),
    "no such page": ("#/nope", ("There is no such page.",)),
    "nothing known": ("#/catalogue/nope", ("There is nothing here.",)),
}
LOOKS: dict[str, tuple[tuple[int, int], Theme]] = {
    "desktop": (DESKTOP, "light"),
    "phone": (PHONE, "dark"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def agent() -> AsyncIterator[str]:
    made_up = {"prod-eu-1": told.Cluster("prod-eu-1", NOW), **fleet(9, NOW), "sick": SICK}
    made_up["long"] = told.Cluster(
        "long", NOW, prefix="ip-10-1-200-12.eu-central-1.compute.internal-"
    )
    made_up["five"] = told.Cluster("five", NOW, members=5)
    async with FakeAgent(made_up, registry=censuses.registry(NOW)).open() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=[*LOOKS])
async def look(request: pytest.FixtureRequest, looks: Looks, agent: str) -> AsyncIterator[Look]:
    size, theme = LOOKS[request.param]
    async with looks.at(agent, "#/fleet", size=size, theme=theme) as opened:
        yield opened


@pytest.mark.parametrize("view", VIEWS)
async def test_a_view_says_what_it_must_and_fits(look: Look, view: str) -> None:
    where, texts = VIEWS[view]

    await look.go(where)
    await look.sees(*texts)

    assert not look.complaints
    assert await look.sideways() <= 0
    assert await look.barriers() == []


@pytest.mark.parametrize("dialog", ["palette", "help"])
async def test_a_dialog_can_be_used_by_all(look: Look, dialog: str) -> None:
    await look.go("#/c/sick")
    await look.sees("almost certain")

    await look.page.keyboard.press({"palette": "/", "help": "?"}[dialog])
    await look.page.get_by_role("dialog").wait_for()

    assert await look.barriers() == []
    await look.page.keyboard.press("Escape")
    await look.page.get_by_role("dialog").wait_for(state="detached")
