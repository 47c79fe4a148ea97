"""One member is started again, and again."""

import pytest
from tests.detect.windows import Told, ago, found, window

from etcdscope.detect.restarts import member_restarting
from etcdscope.model.signal import (
    FAREWELL,
    PORT_STATE,
    PRESENCE,
    PROCESS_START,
)


def crashed(*ages: float, orderly: tuple[float, ...] = ()) -> Told:
    """Return what we saw of a member that went without a word so many seconds ago."""
    told = sorted({*ages, *orderly}, reverse=True)
    return {
        PRESENCE: ago(*((age, "gone") for age in told)),
        FAREWELL: ago(*((age, float(age in orderly)) for age in told)),
        PORT_STATE: {"client": ago(*((age, "refused") for age in told))},
    }


@pytest.mark.parametrize(
    ("m2", "loops"),
    [
        pytest.param(crashed(10, 20), False, id="twice may be chance"),
        pytest.param(crashed(5, 15, 25), True, id="three times in half a minute"),
        pytest.param(crashed(5, 15, 35), False, id="three times in longer"),
        pytest.param(crashed(20, 40, 60, 80, 100, 119), True, id="six times in ten minutes"),
        pytest.param(crashed(15, 25, orderly=(5,)), False, id="one of three was announced"),
        pytest.param(
            {
                PROCESS_START: ago(
                    (60, 1.0), (50, 2.0), (40, 3.0), (30, 4.0), (20, 5.0), (10, 6.0), (5, 7.0)
                )
            },
            True,
            id="six starts that its metrics tell",
        ),
        pytest.param(
            {PRESENCE: ago((5, "gone"), (15, "gone"), (25, "gone"))},
            False,
            id="connections lost, but its port never refused",
        ),
    ],
)
def test_member_restarts_again_and_again(m2: Told, loops: bool) -> None:
    assert found(member_restarting, window({"m2": m2})) == ([("m2", "warning")] if loops else [])
