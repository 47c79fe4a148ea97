"""Sweeps → slots: one value a series for each five seconds, for charts over weeks.

The last value of a slot stands for it; of durations the largest, since a spike is what history is
asked for. Facts (member lists) are not sampled. What was exact stays in the flight recorder.
"""

from dataclasses import dataclass
from functools import cache
from math import isfinite
from typing import Final, NamedTuple

from etcdscope.model.ports import Sweep
from etcdscope.model.reading import Histogram, Reading, Value
from etcdscope.model.signal import TABLE, Kind, Signal, Unit

REMEMBERED: Final = "history"  # the source of what a start of ours read back from here
SLOT: Final = 5.0  # seconds; the slow cadence of /metrics


class SeriesKey(NamedTuple):
    """What names a series within a cluster; ``bounds`` (text) only of histograms."""

    member: str
    signal: str
    key: str
    bounds: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """The values of one slot; ``number`` counts slots since 1970."""

    number: int
    numbers: dict[SeriesKey, float]
    words: dict[SeriesKey, str]
    histograms: dict[SeriesKey, Histogram]


def is_duration(signal: Signal | None) -> bool:
    """Return whether a signal's numbers are durations: jittery, and of interest at their worst."""
    return signal is not None and signal.kind is Kind.GAUGE and signal.unit is Unit.SECONDS


_DURATIONS: Final = frozenset(signal for signal in TABLE.values() if is_duration(signal))

_Values = dict[tuple[Signal, str], Value]


class Sampler:
    """Turns the sweeps of one cluster into slots."""

    def __init__(self) -> None:
        self._members: dict[str, str] = {}
        self._number: int | None = None
        self._values: dict[str, _Values] = {}  # of the slot that has begun, by member

    def add(self, sweep: Sweep) -> Slot | None:
        """Take a sweep in; return the slot before, if this sweep begins another one."""
        number = int(sweep.now // SLOT) if isfinite(sweep.now) else 0
        done = None if number == self._number else self.rest()
        self._number = number
        for reading in sweep.readings:
            self._take(reading)
        return done

    def rest(self) -> Slot | None:
        """Return the slot that has begun, None if there is nothing in it."""
        values, self._values = self._values, {}
        return None if self._number is None or not values else _slot(self._number, values)

    def _take(self, reading: Reading) -> None:
        if reading.source == REMEMBERED:
            return  # it came from here
        if reading.member:
            self._members[reading.endpoint] = reading.member
        if not reading.observations:
            return
        member = reading.member or self._members.get(reading.endpoint, reading.endpoint)
        values = self._values.setdefault(member, {})
        worse = [
            (at, before)
            for seen in reading.observations
            if seen.signal in _DURATIONS
            and isinstance(before := values.get(at := (seen.signal, seen.key)), (int, float))
            and isinstance(seen.value, (int, float))
            and abs(before) > abs(seen.value)
        ]
        values.update({(seen.signal, seen.key): seen.value for seen in reading.observations})
        values.update(worse)


def _slot(number: int, by_member: dict[str, _Values]) -> Slot:
    slot = Slot(number, {}, {}, {})
    for member, values in by_member.items():
        for (signal, key), value in values.items():
            if signal.kind is Kind.FACT:
                continue
            if isinstance(value, (int, float)):
                slot.numbers[SeriesKey(member, signal.name, key)] = float(value)
            elif isinstance(value, str):
                slot.words[SeriesKey(member, signal.name, key)] = value
            elif isinstance(value, Histogram) and value.counts:
                bounds = bounds_text(value.bounds)
                slot.histograms[SeriesKey(member, signal.name, key, bounds)] = value
    return slot


@cache
def bounds_text(bounds: tuple[float, ...]) -> str:
    """Return a histogram's bounds as they stand in the table of series."""
    return " ".join(map(repr, bounds))
