"""Numbers with units that people read."""

from datetime import UTC

import pytest

from etcdscope.model.finding import CLUSTER, SELF, Subject
from etcdscope.surfaces import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 ms"), (0.0004, "0.4 ms"), (0.0021, "2 ms"), (0.412, "412 ms"), (0.9999, "1.0 s"),
        (1.44, "1.4 s"), (9.96, "10 s"), (38.2, "38 s"), (119.9, "2 min"), (540, "9 min"),
        (7_199, "2.0 h"), (86_400 * 12, "12 d"), (float("inf"), "for ever"), (-0.412, "-412 ms"),
    ],
)  # fmt: skip
def test_a_span_has_the_unit_that_people_would_take(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (20_480, "20 kB"),
        (1.2e9, "1.2 GB"),
        (2**31, "2.1 GB"),
        (999_999, "1.0 MB"),
    ],
)
def test_sizes_are_decimal_as_those_of_etcdctl(octets: float, said: str) -> None:
    assert words.size(octets) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.412, "s", "412 ms"), (1.2e9, "B", "1.2 GB"), (0.61, "ratio", "61 %"), (2, "count", "2"),
        (88_120.0, "entries", "88 120 entries"), (0.25, "", "0.25"), ("refused", "", "refused"),
        ("", "", "none"), (1795330169.0, "unix s", "2026-11-22 06:49"), (0.001, "ratio", "< 1 %"),
    ],
)  # fmt: skip
def test_a_value_is_said_in_its_unit(value: float | str, unit: str, said: str) -> None:
    assert words.value(value, unit, UTC) == said


@pytest.mark.parametrize(
    ("confidence", "said"),
    [
        (0.9, "almost certain"),
        (0.89, "likely"),
        (0.7, "likely"),
        (0.69, "one of several possible causes"),
    ],
)
def test_confidence_is_said_in_words(confidence: float, said: str) -> None:
    assert words.certainty(confidence) == said


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (CLUSTER, "the cluster"), (SELF, "etcdscope"), (Subject.member("a"), "m1"),
        (Subject.member("c"), "c"), (Subject.link("a", "b"), "m1 → m2"),
        (Subject.endpoint("http://x:1"), "http://x:1"), (Subject("node", "n1"), "node n1"),
    ],
)  # fmt: skip
def test_a_subject_is_called_by_its_name(subject: Subject, said: str) -> None:
    assert words.about(subject, {"a": "m1", "b": "m2"}) == said
