"""Prometheus' text: by an oracle, on recordings, and where it is broken."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from tests.sources import recorded

from etcdscope.model.reading import Histogram, Observation
from etcdscope.model.signal import BESIDE, BY_METRIC, Kind, Signal, Unit
from etcdscope.sources.exposition import Layout, MalformedError, Names

SIZE = Signal("size", Unit.BYTES, Kind.GAUGE, "", "", ("new_size", "old_size"))
CALLS = Signal("calls", Unit.COUNT, Kind.COUNTER, "", "", ("calls_total",), by="code")
READS = Signal("reads", Unit.COUNT, Kind.COUNTER, "", "", ("ops_total",), where=(("op", "read"),))
TIME = Signal("time", Unit.SECONDS, Kind.HISTOGRAM, "", "", ("time_seconds",), by="To")
SIGNALS = {name: s for s in (SIZE, CALLS, READS, TIME) for name in s.metrics}


def read(body: str, signals: Mapping[str, Signal] = SIGNALS) -> tuple[Observation, ...]:
    return Layout(Names(signals), {}).read(body.encode())


def plain(seen: tuple[Observation, ...]) -> dict[tuple[str, str], str]:
    """Make observations comparable, NaN included."""
    return {(o.signal.name, o.key): repr(o.value) for o in seen}


# --- the oracle ------------------------------------------------------------------------------


def by_oracle(body: str, signals: Mapping[str, Signal] = SIGNALS) -> dict[tuple[str, str], str]:
    """Say the same with another parser, the plain way."""
    samples: dict[tuple[str, frozenset[tuple[str, str]]], Sample] = {}
    for family in text_string_to_metric_families(body):
        for sample in family.samples:
            samples.setdefault((sample.name, frozenset(sample.labels.items())), sample)
    told = {}
    for signal in set(signals.values()):
        for name in signal.metrics:
            mine = [
                s
                for s in samples.values()
                if s.name.startswith(name)
                and all(s.labels.get(label) == wanted for label, wanted in signal.where)
                and all(s.labels.get(label) != not_ for label, not_ in signal.unless)
                and (s.value or not signal.sparse)
            ]
            found = _told(name, signal, mine)
            if any(s.name in {name, f"{name}_bucket", f"{name}_sum"} for s in mine):
                told.update(found)
                break
    return told


def _key(signal: Signal, sample: Sample) -> str:
    return "/".join(sample.labels.get(label, "") for label in (signal.by or "-").split(" "))


def _told(name: str, signal: Signal, samples: list[Sample]) -> dict[tuple[str, str], str]:
    told = {}
    for key in {_key(signal, s) for s in samples}:
        mine = [s for s in samples if _key(signal, s) == key]
        if signal.kind is not Kind.HISTOGRAM:
            if numbers := [s.value for s in mine if s.name == name]:
                told[signal.name, key] = repr(float(sum(numbers)))
            continue
        rows: dict[float, list[float]] = {}
        for sample in mine:
            if sample.name == f"{name}_bucket":
                rows.setdefault(float(sample.labels["le"]), []).append(sample.value)
        sums = [s.value for s in mine if s.name == f"{name}_sum"]
        if sums and float("inf") in rows:
            counts = tuple(float(sum(rows[bound])) for bound in sorted(rows))
            told[signal.name, key] = repr(Histogram(tuple(sorted(rows)), counts, float(sum(sums))))
    return told


NUMBERS = st.one_of(
    st.integers(0, 10**12).map(str),
    st.floats().map(lambda x: {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(str(x), repr(x))),
    st.sampled_from(["1.795330912e+09", "0", "-0", "5e-324"]),
)
WORDS = st.text(st.sampled_from('ab {}=,#"\\\né'), max_size=6)


def quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{escaped}"'


@st.composite
def heads(draw: st.DrawFn) -> str:
    """Draw a series: a name and labels."""
    name = draw(
        st.sampled_from([*SIGNALS, "time_seconds_bucket", "time_seconds_sum", "other", "size"])
    )
    labels = {
        label: draw(WORDS)
        for label in draw(st.lists(st.sampled_from(["code", "To", "x"]), unique=True))
    }
    if draw(st.booleans()):
        labels["op"] = draw(st.sampled_from(["read", "write"]))
    if name == "time_seconds_bucket":
        labels["le"] = draw(st.sampled_from(["0.5", "1", "1e+1", "+Inf"]))
    if not labels:
        return name
    order = draw(st.permutations(sorted(labels)))
    inside = ",".join(f"{label}={quoted(labels[label])}" for label in order)
    return name + "{" + inside + draw(st.sampled_from(["", ","])) + "}"


@st.composite
def bodies(draw: st.DrawFn) -> list[str]:
    """Draw bodies of one endpoint, most of them of the same layout."""
    lines = draw(
        st.lists(
            st.one_of(
                heads(), st.sampled_from(["# HELP other is {not} ours", "# TYPE other gauge", ""])
            ),
            max_size=25,
        )
    )
    end = draw(st.sampled_from(["\n", "\n# EOF\n"]))
    told = []
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.integers(0, 3)) == 0:
            lines = draw(st.permutations(lines))
        rows = [
            f"{line} {draw(NUMBERS)}{draw(st.sampled_from(['', ' 1395066363000']))}"
            if line and line[0] != "#"
            else line
            for line in lines
        ]
        told.append("\n".join(rows) + end)
    return told


@settings(deadline=None, max_examples=200)
@given(bodies())
def test_any_body_after_any_other_is_read_as_the_oracle_reads_it(told: list[str]) -> None:
    layout = Layout(Names(SIGNALS), {})

    for body in told:
        assert plain(layout.read(body.encode())) == by_oracle(body)


@pytest.mark.parametrize("name", recorded.METRICS)
def test_recordings_are_read_as_the_oracle_reads_them(name: str) -> None:
    body = recorded.metrics(name)

    seen = Layout(Names(BY_METRIC), {}).read(body)

    assert plain(seen) == by_oracle(body.decode(), BY_METRIC)


@pytest.mark.parametrize("version", sorted({name.partition("/")[0] for name in recorded.METRICS}))
def test_the_next_scrape_is_read_as_if_it_were_the_first(version: str) -> None:
    first, next_ = (recorded.metrics(f"{version}/{name}") for name in ("member1", "member1.t15"))
    layout = Layout(Names(BY_METRIC), {})
    before = layout.read(first)

    after = layout.read(next_)

    assert plain(after) == plain(Layout(Names(BY_METRIC), {}).read(next_)) != plain(before)
    assert any(old is new for old, new in zip(before, after, strict=True)), "none was kept"


@pytest.mark.parametrize("name", recorded.METRICS)
def test_two_signals_may_come_from_one_metric(name: str) -> None:
    body = recorded.metrics(name)

    seen = Layout(Names(BY_METRIC, BESIDE), {}).read(body)

    assert BESIDE
    assert plain(seen) == by_oracle(body.decode(), {**BY_METRIC, **{s.name: s for s in BESIDE}})


def test_a_next_scrape_is_read_for_both_signals() -> None:
    layout = Layout(Names(BY_METRIC, BESIDE), {})
    layout.read(recorded.metrics("3.5.30/member1"))

    seen = layout.read(recorded.metrics("3.5.30/member1.t15"))

    anew = Layout(Names(BY_METRIC, BESIDE), {}).read(recorded.metrics("3.5.30/member1.t15"))
    assert plain(seen) == plain(anew)


ENDS = Signal("ends", Unit.COUNT, Kind.COUNTER, "", "", ("calls_total",), by="method code",
              unless=(("code", "OK"),), sparse=True)  # fmt: skip


def test_sparse_series_come_when_they_grow() -> None:
    lines = 'calls_total{{method="Put",code="OK"}} {}\ncalls_total{{method="Put",code="No"}} {}\n'
    layout = Layout(Names({"calls_total": CALLS}, (ENDS,)), {})

    told = [plain(layout.read(lines.format(*n).encode())) for n in ((1, 0), (2, 0), (3, 4), (3, 5))]

    assert [one.get(("ends", "Put/No")) for one in told] == [None, None, "4.0", "5.0"]
    assert [one["calls", "No"] for one in told] == ["0.0", "0.0", "4.0", "5.0"]
    assert ("ends", "Put/OK") not in told[-1]


def test_a_body_of_another_member_is_learnt_anew() -> None:
    layout = Layout(Names(BY_METRIC), {})
    layout.read(recorded.metrics("3.4.23/member1"))

    seen = layout.read(recorded.metrics("3.6.14/member1"))

    assert plain(seen) == plain(
        Layout(Names(BY_METRIC), {}).read(recorded.metrics("3.6.14/member1"))
    )


def test_members_share_the_lines_that_say_zero() -> None:
    shared: dict[bytes, bytes] = {}
    first, second = Layout(Names(BY_METRIC), shared), Layout(Names(BY_METRIC), shared)

    first.read(recorded.metrics("3.5.30/member1"))
    known = len(shared)
    second.read(recorded.metrics("3.5.30/member1.t15"))

    assert 1_000 < known == len(shared)


# --- single lines -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        pytest.param("new_size 5\n", {("size", ""): "5.0"}, id="a gauge"),
        pytest.param("new_size 5\r\n", {("size", ""): "5.0"}, id="CRLF"),
        pytest.param("new_size 5 1395066363000\n", {("size", ""): "5.0"}, id="a time"),
        pytest.param("new_size{} 5\n", {("size", ""): "5.0"}, id="no labels in braces"),
        pytest.param(" \tnew_size\t 5\n", {("size", ""): "5.0"}, id="blanks and tabs"),
        pytest.param("new_size 5\nold_size 7\n", {("size", ""): "5.0"}, id="the newest name wins"),
        pytest.param("old_size 7\n", {("size", ""): "7.0"}, id="the old name alone"),
        pytest.param("new_size 5\nnew_size 7\n", {("size", ""): "5.0"}, id="told twice"),
        pytest.param("new_size 5\nold_si", {("size", ""): "5.0"}, id="cut in the name"),
        pytest.param("old_size 7\nnew_size 12", {("size", ""): "7.0"}, id="cut in the number"),
        pytest.param("new_sizes 5\nnew_siz 5\n", {}, id="names that begin alike"),
        pytest.param("# new_size 5\n", {}, id="a comment"),
        pytest.param(
            'calls_total{code="OK",m="a"} 2\ncalls_total{m="b",code="OK"} 3\n',
            {("calls", "OK"): "5.0"},
            id="a counter is summed by its key",
        ),
        pytest.param(
            'ops_total{op="read"} 2\nops_total{op="write"} 3\n', {("reads", ""): "2.0"}, id="where"
        ),
        pytest.param(
            'time_seconds_sum{To="x"} 2\n'
            'time_seconds_bucket{To="x",le="+Inf"} 3 # {trace="a"} 0.67\n',
            {("time", "x"): repr(Histogram((float("inf"),), (3.0,), 2.0))},
            id="an exemplar",
        ),
        pytest.param(
            'time_seconds_sum 2\ntime_seconds_bucket{le="1"} 3\n', {}, id="no last bucket"
        ),
        pytest.param("", {}, id="nothing"),
    ],
)
def test_a_body_is_read(body: str, seen: dict[tuple[str, str], str]) -> None:
    assert plain(read(body)) == seen


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param("<html>\n<body>\n", "line 1 is no metric: '<html>'", id="HTML"),
        pytest.param("404 page not found\n", "line 1 is no metric", id="Go's 404"),
        pytest.param('{"health":"true"}\n', "line 1 is no metric", id="JSON"),
        pytest.param("\x00\xff\n", "line 1 is no metric", id="binary"),
        pytest.param("new_size five\n", "line 1 has no number", id="no number"),
        pytest.param("new_size\n", "line 1 is no metric", id="no value"),
        pytest.param('new_size{a="b} 5\n', "line 1 is no metric", id="an open quote"),
        pytest.param("new_size{a=b} 5\n", "line 1 has malformed labels", id="no quotes"),
        pytest.param("time_seconds_bucket 5\n", "bucket without a bound", id="no le"),
    ],
)
def test_what_is_no_exposition_is_said_with_its_line(body: str, says: str) -> None:
    with pytest.raises(MalformedError, match=says):
        read(body)


def test_a_broken_body_leaves_no_trace() -> None:
    layout = Layout(Names(SIGNALS), {})
    good = b"new_size 5\nops_total 1\n"
    layout.read(good)

    with pytest.raises(MalformedError):
        layout.read(b"new_size 6\nops_total{op=} 1\n")
    with pytest.raises(MalformedError):
        layout.read(b"new_size x\nops_total 1\n")

    assert plain(layout.read(good)) == {("size", ""): "5.0"}
