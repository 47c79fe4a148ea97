"""Whether a member is said to answer, from the moment it dies on."""

from pathlib import Path

import pytest
from tests.scenarios.replay import effects
from tests.scenarios.story import read

from etcdscope.model.cluster import Role
from etcdscope.model.incident import EffectKind, MemberState, Verdict

T0 = 1_795_330_000.0


def verdicts(folder: Path, *lines: str, members: str = "m1 m2 m3") -> list[tuple[float, Verdict]]:
    """Return the verdicts that a story tells, and when."""
    path = folder / "story.txt"
    head = f"cluster {members} leader=m1 term=2 writes=50/s\nverdicts\n"
    path.write_text("# A story.\n" + head + "".join(f"{line}\n" for line in lines) + "----\n")
    return [(e.at - T0, e.verdict) for e in effects(read(path)) if e.verdict]


def one(verdict: Verdict, name: str) -> MemberState:
    return next(m for m in verdict.members if m.name == name)


@pytest.mark.parametrize("dies", ["m1", "m3"])
def test_a_member_that_is_told_to_be_down_is_not_reachable(tmp_path: Path, dies: str) -> None:
    path = tmp_path / "story.txt"
    path.write_text(
        "# A story.\ncluster m1 m2 m3 leader=m1 term=2 writes=50/s\nverdicts\n"
        f"5.1s {dies} killed\n12s end\n----\n"
    )
    told = list(effects(read(path)))
    opened = next(e.at for e in told if e.kind is EffectKind.OPENED)
    shown = [(e.at, one(e.verdict, dies)) for e in told if e.verdict]

    gone = [(at, m) for at, m in shown if not m.reachable]
    assert gone[0][0] <= opened
    assert all(m.role is Role.UNKNOWN for _, m in gone)
    assert all(m.reachable for at, m in shown if at < opened - 0.6)


def test_a_member_that_freezes_is_reachable_until_it_has_been_silent_for_long(
    tmp_path: Path,
) -> None:
    told = verdicts(tmp_path, "5.1s m3 frozen", "12s end")

    first = next(at for at, v in told if not one(v, "m3").reachable)
    assert 7.5 < first < 8.6


def test_the_only_member_is_down_for_as_long_as_its_host_refuses(tmp_path: Path) -> None:
    told = verdicts(tmp_path, "5.1s m1 killed", "60s m1 started", "75s end", members="m1")

    during = [v for at, v in told if 5.1 < at < 60]
    assert {v.level.value for v in during} == {"critical"}
    assert {v.sentence for v in during} == {"m1 is down: its host refuses connections to etcd."}
    assert {v.margin for v in during} == {-1}
    assert {v.leader for v in during} == {""}
    assert told[-1][1].level.value == "ok"


def test_the_only_member_that_nothing_is_known_of_cannot_be_judged(tmp_path: Path) -> None:
    """A firewall in our way is silent, as a lost host is."""
    told = verdicts(tmp_path, "5.1s m1 hidden", "20s end", members="m1")

    assert told[-1][1].level.value == "unknown"
    assert "gave no answer in time" in told[-1][1].sentence


def test_of_the_only_member_it_is_said_that_it_was_stopped_in_order(tmp_path: Path) -> None:
    told = verdicts(tmp_path, "5.1s m1 stopped", "20s end", members="m1")

    during = [v for at, v in told if at > 5.1]
    assert {v.level.value for v in during} == {"unknown"}
    assert all("m1 was stopped in order" in v.sentence for v in during)
