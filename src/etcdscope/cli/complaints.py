"""Errors that are the user's to mend, as one sentence."""

from collections.abc import Iterator
from dataclasses import dataclass

from etcdscope.etcd.errors import EtcdError, SettingsError


@dataclass(frozen=True, slots=True)
class Complaint:
    """What to tell; ``misuse``: wrong arguments or settings, as against something that failed."""

    sentence: str
    misuse: bool = False


def complaint(error: BaseException) -> Complaint | None:
    """Return what to say of an error; None if it is a bug of ours."""
    told = [_of(one) for one in _leaves(error)]
    known = [one for one in told if one is not None]
    return known[0] if known and len(known) == len(told) else None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _of(error: BaseException) -> Complaint | None:
    if isinstance(error, SettingsError):
        return Complaint(str(error), misuse=True)
    if isinstance(error, EtcdError):
        return Complaint(error.detail)
    if type(error).__module__.startswith("etcdscope.") and not isinstance(error, ValueError):
        return Complaint(str(error))  # our own errors are sentences; our ValueErrors are bugs
    if isinstance(error, OSError) and error.filename and not isinstance(error, BrokenPipeError):
        return Complaint(f"{error.filename}: {(error.strerror or 'cannot be used').lower()}.")
    return None
