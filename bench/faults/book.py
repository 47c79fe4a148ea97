"""The results on disk: one line a trial, so that a run that is interrupted keeps what it has."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.faults.facts import Trial, from_json, to_json


class Book:
    """All trials in a folder, and who had looked on; appended to, never rewritten."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._path = folder / "trials.jsonl"
        self.trials = list(self._read())

    def _read(self) -> Iterator[Trial]:
        if not self._path.exists():
            return
        for line in self._path.read_text().splitlines():
            try:
                yield from_json(json.loads(line))
            except ValueError:  # the line that was being written when the machine went down
                continue

    def add(self, trial: Trial) -> None:
        """Append, on disk before it returns."""
        self.trials.append(trial)
        with self._path.open("a+b") as file:
            # A line that was cut short must not take the next one with it.
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(json.dumps(to_json(trial)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @property
    def valid(self) -> list[Trial]:
        """Trials that came to a result."""
        return [trial for trial in self.trials if not trial.error]

    def times(self, observers: frozenset[str]) -> Counter[str]:
        """How many valid trials there are of each id, with at least these observers."""
        return Counter(t.id for t in self.valid if observers <= set(t.observers))
