"""What a lab may be."""

from pathlib import Path
from typing import Any

import pytest

from etcdscope.lab.spec import LabError, LabSpec, LoadSpec


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(LabSpec(), id="as it comes"),
        pytest.param(
            LabSpec(
                members=5,
                version="3.4",
                network="loopback",
                tls=True,
                quota_bytes=1 << 24,
                load=LoadSpec(rate=10, shape="sine"),
                directory=Path("/var/tmp"),
                extra_flags=("--logger=zap",),
            ),
            id="all of it",
        ),
    ],
)
def test_spec_survives_its_way_to_the_keeper(spec: LabSpec) -> None:
    assert LabSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        pytest.param({"members": 0}, "1 to 9", id="no members"),
        pytest.param({"network": "wifi"}, "auto or loopback or namespaces", id="network"),
        pytest.param({"heartbeat_ms": 300}, "five times", id="election shorter than etcd allows"),
    ],
)
def test_wrong_spec_is_refused_with_a_sentence(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        LabSpec(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"shape": "zigzag"}, {"rate": -1}, {"reads": 2}, {"keys": 0}, {"period_s": 0}]
)
def test_wrong_load_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LabError):
        LoadSpec(**wrong)
