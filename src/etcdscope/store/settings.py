"""How much history is kept."""

from dataclasses import dataclass

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What is kept, for how long, and how much may wait while the disk does not take it.

    Measured with three members and all sources: the flight recorder takes 30 MB a day, samples
    take 3 (``bench/store.py``).
    """

    flush_seconds: float = 1.0
    flight_seconds: float = 7 * _DAY
    flight_bytes: int = 2**30
    samples_seconds: float = 30 * _DAY
    events_seconds: float = 365 * _DAY
    pending_bytes: int = 8 * 2**20  # encoded, while writing fails: more than an hour
    pending_effects: int = 10_000
    waiting_values: int = 100_000  # observations, while writing hangs: some nine minutes
    hung_seconds: float = 10.0
    stop_seconds: float = 3.0  # for the last write; a stop must not take longer than five
    max_pages: int | None = None  # of the file; None is what SQLite allows
