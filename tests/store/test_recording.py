from pathlib import Path
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.sweeps import Cluster

from etcdscope.model.ports import StoreError
from etcdscope.store import recording
from etcdscope.store.recording import Recorder, RecordingError, open_recording

SWEEPS = Cluster().take(80)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "night.etcdscope"
    with Recorder(path, "10e5e39849dab251", {"why": "a slow disk"}) as recorder:
        for sweep in SWEEPS:
            recorder.append(sweep)
    return path


def test_a_recording_gives_back_what_was_judged(path: Path) -> None:
    read = open_recording(path)

    assert read.header.cluster == "10e5e39849dab251"
    assert read.header.began == SWEEPS[0].now
    assert read.header.about == {"why": "a slow disk"}
    assert list(read) == SWEEPS
    assert not str(read.loss)


def test_of_a_recording_that_was_cut_off_all_is_read_up_to_there(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])

    read = open_recording(path)
    got = list(read)

    assert 0 < len(got) < len(SWEEPS)
    assert got == SWEEPS[: len(got)]
    assert read.loss.cut_off
    assert "not ended in order" in str(read.loss)


def test_a_recording_whose_writer_was_killed_says_so(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"\xf5BLKE")])

    read = open_recording(path)

    assert list(read) == SWEEPS
    assert str(read.loss) == "it was not ended in order, so its last seconds may be missing"


def test_damage_in_the_middle_costs_the_damaged_block_only(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    middle = whole.index(b"\xf5BLKF", len(whole) // 2) + 40
    whole[middle] ^= 0xFF
    path.write_bytes(whole)

    read = open_recording(path)
    got = list(read)

    missing = [sweep for sweep in SWEEPS if sweep not in got]
    assert 0 < len(missing) <= 10  # two seconds of them, give or take the jitter of a tick
    assert read.loss.missing_sweeps == len(missing)
    assert f"{len(missing)} sweeps are missing" in str(read.loss)


def test_foreign_bytes_between_blocks_are_skipped(path: Path) -> None:
    whole = path.read_bytes()
    at = whole.index(b"\xf5BLKF", len(whole) // 2)
    path.write_bytes(whole[:at] + b"\xf5BL" * 700_000 + whole[at:])

    read = open_recording(path)

    assert list(read) == SWEEPS
    assert str(read.loss) == "2100000 bytes are damaged"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x7fELF" + bytes(100), id="another program's"),
        pytest.param(b"\x89etcdscope\n", id="mangled as text"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)

    with pytest.raises(RecordingError, match="is not a recording of etcdscope"):
        open_recording(path)


def _change_header(path: Path, **changes: object) -> None:
    whole = path.read_bytes()
    at = whole.index(b"\xf5BLKH")
    _, kind, length, _ = recording._HEAD.unpack_from(whole, at)
    start = at + recording._HEAD.size
    header = msgspec.msgpack.decode(whole[start : start + length]) | changes
    payload = msgspec.msgpack.encode(header)
    block = recording._HEAD.pack(b"\xf5BLK", kind, len(payload), crc32(payload))
    path.write_bytes(whole[:at] + block + payload + whole[start + length :])


def test_a_recording_of_a_newer_version_says_what_to_do(path: Path) -> None:
    _change_header(path, format=3, written_by="2.1.0")

    with pytest.raises(
        RecordingError, match=r"by etcdscope 2.1.0 in format 3, .* update etcdscope"
    ):
        open_recording(path)


def test_a_header_may_grow(path: Path) -> None:
    _change_header(path, mood="new")

    assert list(open_recording(path)) == SWEEPS


def test_a_recording_cut_in_its_header_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:30])

    with pytest.raises(RecordingError, match="at its very beginning"):
        open_recording(path)


@pytest.mark.parametrize("place", ["", "missing"])
def test_a_place_without_a_file_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(RecordingError):
        open_recording(tmp_path / place)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_damage_leads_to_more_than_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path: Path = tmp_path_factory.mktemp("damaged") / "x"
    with Recorder(path, "c") as recorder:
        for sweep in SWEEPS[:20]:
            recorder.append(sweep)
    whole = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
        whole[place] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])

    try:
        read = open_recording(path)
    except RecordingError:
        return
    got = list(read)
    assert len(got) <= 20
    assert len(got) == 20 or str(read.loss)


def test_a_block_cannot_ask_for_more_than_the_file_has(path: Path) -> None:
    header = recording._HEAD.pack(b"\xf5BLK", ord("F"), 2**31, 0)
    with path.open("ab") as file:
        file.write(header)

    read = open_recording(path)

    assert list(read) == SWEEPS
    assert read.loss.bytes == len(header)


def test_a_recorder_without_space_ends_with_an_error_and_no_exception() -> None:
    with Recorder(Path("/dev/full"), "c") as recorder:
        recorder.append(SWEEPS[0])

    assert recorder.error == "/dev/full is recorded no longer: No space left on device"


def test_a_recorder_that_cannot_begin_says_where(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing/x cannot be written: No such file"):
        Recorder(tmp_path / "missing" / "x", "c")
