"""Any value of the model ⇄ what msgpack can carry, and back to the very same value.

A map in the result always stands for something with a type: ``{"!": "cluster.Member", …fields}``.
Only classes of ``etcdscope.model`` are kept and made again, so a foreign file can name no others.
"""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Final

_TAG: Final = "!"
_MODEL: Final = "etcdscope.model."
_LEAST, _PAST = -(2**63), 2**64  # what msgpack's integers hold


Plain = Any  # what msgpack carries: None, numbers, words, bytes, lists, and maps with a tag
Made = Any  # any value of the model


class UnknownFact(ValueError):
    """A value that this version can not keep, or can not make again."""


def plain(value: object) -> Plain:
    """Return ``value`` in msgpack's types; raises ``UnknownFact`` for what is not of the model."""
    if value is None or isinstance(value, bool) or type(value) in {float, str, bytes}:
        return value
    if type(value) is int:
        return value if _LEAST <= value < _PAST else {_TAG: "int", "=": hex(value)}
    if type(value) is tuple:
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {_TAG: "dict", "=": [[plain(k), plain(v)] for k, v in value.items()]}
    if type(value) in {list, set, frozenset}:
        return {_TAG: type(value).__name__, "=": [plain(item) for item in value]}  # type: ignore[attr-defined]
    return _plain_of_the_model(value)


def _plain_of_the_model(value: object) -> Plain:
    kind: type = type(value)
    if not kind.__module__.startswith(_MODEL):
        return _plain_number_or_word(value)
    tag = f"{kind.__module__.removeprefix(_MODEL)}.{kind.__name__}"
    if isinstance(value, Enum):
        return {_TAG: tag, "=": plain(value.value)}
    try:
        return {_TAG: tag} | {name: plain(getattr(value, name)) for name in _fields(kind)}
    except TypeError as error:
        raise UnknownFact(str(error)) from error


def _plain_number_or_word(value: object) -> Plain:
    if isinstance(value, (int, float, str)) and not isinstance(value, Enum):  # such as numpy's
        base = next(kind for kind in (int, float, str) if isinstance(value, kind))
        return plain(base(value))
    raise UnknownFact(f"{type(value).__qualname__} is not of the model")


@cache
def _fields(kind: type[Any]) -> tuple[str, ...]:
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind) if field.init)
    if hasattr(kind, "_fields"):  # a named tuple
        return tuple(kind._fields)
    raise TypeError(f"{kind.__qualname__} is neither an enumeration nor a record")


_BUILTIN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "int": lambda text: int(text, 16),
    "dict": lambda pairs: {made(key): made(value) for key, value in pairs},
    "list": lambda items: [made(item) for item in items],
    "set": lambda items: {made(item) for item in items},
    "frozenset": lambda items: frozenset(made(item) for item in items),
}


def made(value: Plain) -> Made:
    """Return the value that ``plain`` was given; raises ``UnknownFact`` if it is not known here.

    Fields that this version does not know are left out, and missing ones take their default.
    """
    if isinstance(value, list):
        return tuple([made(item) for item in value])
    if not isinstance(value, dict):
        return value
    try:
        tag = value[_TAG]
        if tag in _BUILTIN:
            return _BUILTIN[tag](value["="])
        kind: Any = _class(tag)
        if issubclass(kind, Enum):
            return kind(made(value["="]))
        return kind(**{name: made(value[name]) for name in _fields(kind) if name in value})
    except (TypeError, ValueError, KeyError, AttributeError, ImportError) as error:
        raise UnknownFact(f"{value.get(_TAG)}: {error}") from error


@cache
def _class(tag: str) -> type[Any]:
    module, _, name = tag.partition(".")
    if not (module.isidentifier() and name.isidentifier()):
        raise UnknownFact(f"{tag!r} names no class of the model")
    kind = getattr(importlib.import_module(_MODEL + module), name)
    if not (isinstance(kind, type) and kind.__module__ == _MODEL + module):
        raise UnknownFact(f"{tag!r} is not a class of the model")
    return kind
