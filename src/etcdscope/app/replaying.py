"""A recording is judged again: `replay`."""

from collections.abc import Mapping
from pathlib import Path

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import State, step
from etcdscope.fleet import Tell
from etcdscope.model.finding import Limits


async def replay(path: Path, tell: Tell, limits: Mapping[str, Limits] | None = None) -> str:
    """Judge a recording again, with the result that it had live; return what of it is lost."""
    from etcdscope.store.recording import open_recording

    state = State(DETECTORS, limits or {})
    recording = open_recording(path)
    for sweep in recording:
        state, effects = step(state, sweep.readings, sweep.now)
        tell(effects, state)
    return str(recording.loss)
