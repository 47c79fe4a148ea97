"""What was recorded while a real member died and came back, judged again: word for word."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.agents import agent
from tests.e2e.commands import Ran, run, running

from etcdscope.lab.cluster import Lab, LabSpec
from etcdscope.store.archive import Archive
from etcdscope.store.recording import open_recording

SPEC = LabSpec(members=3, version="3.5", network="loopback")


def lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


@pytest.mark.etcd
@pytest.mark.slow
async def test_a_recording_is_told_as_it_was_told_live(tmp_path: Path) -> None:
    recording = tmp_path / "fault.recording"
    async with (
        Lab.start(SPEC) as lab,
        running("watch", "--endpoints", lab.endpoints[0], "--record", recording) as watch,
    ):
        await watch.until(lambda: watch.events("verdict"))
        fault = await lab.fault("kill", "leader")
        await watch.until(lambda: watch.events("opened", cause="member-down"))
        await asyncio.sleep(2.5)  # past what a frame holds
        await lab.heal(fault)
        await watch.until(lambda: watch.events("closed", cause="member-down"), 30)
        assert await watch.end() == 143

    again = await run("replay", "--json", recording)
    cut = tmp_path / "cut.recording"
    cut.write_bytes(recording.read_bytes()[: recording.stat().st_size * 2 // 3])
    part = await run("replay", "--json", cut)
    text = await run("replay", recording)

    assert again.code == 0
    assert not again.err
    assert lines(again) == watch.lines
    assert {"opened", "closed", "verdict"} <= {line["event"] for line in watch.lines}
    assert open_recording(recording).header.cluster == watch.lines[-1]["cluster"]

    assert part.code == 1
    assert "Traceback" not in part.err
    (complaint,) = part.err.splitlines()
    assert complaint.startswith(f"etcdscope: {cut} is not whole: ")
    assert "bytes are damaged" in complaint
    assert "its last seconds may be missing" in complaint
    read = lines(part)
    assert 0 < len(read) <= len(watch.lines)
    assert read == watch.lines[: len(read)]

    assert text.code == 0
    assert "is down" in text.out


@pytest.mark.etcd
@pytest.mark.slow
async def test_the_flight_recorder_tells_the_same(tmp_path: Path) -> None:
    began, data = time.time(), tmp_path / "data"
    async with Lab.start(SPEC) as lab, agent(",".join(lab.endpoints), "--data-dir", data) as served:
        await served.judged("ok")
        fault = await lab.fault("kill", "follower")
        await served.run.until(lambda: served.run.events("opened", cause="member-down"))
        await lab.heal(fault)
        await served.run.until(lambda: served.run.events("closed", cause="member-down"), 30)
        assert await served.run.end() == 0

    cluster = served.run.lines[-1]["cluster"]
    recording = tmp_path / "from-the-store.recording"
    async with Archive.open(data) as archive:
        await archive.export(cluster, began, time.time() + 1, recording)
    again = await run("replay", "--json", recording)

    assert again.code == 0
    assert not again.err
    assert lines(again) == served.run.lines


@pytest.mark.parametrize(
    ("content", "sentence", "code"),
    [
        (b"", "is not a recording of etcdscope", 1),
        (b"hello\n" * 1000, "is not a recording of etcdscope", 1),
        (b"\x89etcdscope\r\n\x1a", "cut off or damaged at its very beginning", 1),
        (None, "is not there; give a file that `watch --record` wrote", 64),
    ],
    ids=["empty", "text", "only a beginning", "nothing"],
)
async def test_what_is_no_recording(
    content: bytes | None, sentence: str, code: int, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)

    ran = await run("replay", "--json", path)

    assert ran.code == code
    assert not ran.out
    (complaint,) = ran.err.splitlines()
    assert complaint.startswith("etcdscope: ")
    assert sentence in complaint


async def test_a_recording_that_cannot_be_written(tmp_path: Path) -> None:
    ran = await run(
        "watch", "--json", "--record", tmp_path / "nope" / "file", "--endpoints", "127.0.0.1:1"
    )

    assert ran.code == 1
    assert not ran.out
    (complaint,) = ran.err.splitlines()
    assert "cannot be written" in complaint
    assert "Traceback" not in ran.err
