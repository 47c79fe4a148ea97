"""What the last scrapes of /metrics gave, for windows."""

from typing import Any

from tests.detect.windows import Ago, ago, window

from etcdscope.model.reading import Value
from etcdscope.model.signal import (
    GRPC_HANDLED,
    METRICS_SECONDS,
)
from etcdscope.model.window import Window

AGES = (21.0, 16.0, 11.0, 6.0, 1.0)


def scraped(*values: Value) -> Ago:
    """Return what the last scrapes gave, five seconds apart, oldest first."""
    return ago(*zip(AGES[-len(values) :], values, strict=True))


def growing(rate: float, start: float = 1_000.0) -> Ago:
    """Return a counter that grows so much a second."""
    return scraped(*(start + rate * 5 * i for i in range(5)))


def seen(told: dict[Any, Any] | None = None, **members: dict[Any, Any]) -> Window:
    """Return a window with the usual scrapes of every member."""
    usual_ = {METRICS_SECONDS: scraped(*[0.01] * 5), GRPC_HANDLED: {"OK": growing(100.0)}}
    return window({m: usual_ | (told or {}) | members.get(m, {}) for m in ("m1", "m2", "m3")})


def closely(*values: float) -> Ago:
    """Return what scrapes a second apart gave, as under zoom."""
    return ago(*((len(values) - i - 0.9, value) for i, value in enumerate(values)))
