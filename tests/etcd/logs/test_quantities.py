"""Durations as Go writes them, and what of a key may be told."""

import pytest

from etcdscope.etcd.logs.quantities import Asked, duration, moment, prefix


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1.200756447s", 1.200756447),
        ("169.067029ms", 0.169067029),
        ("9.654µs", 9.654e-6),
        ("1m2.5s", 62.5),
        ("2h0m0s", 7200.0),
        ("-15ms", -0.015),
        (0.25, 0.25),
        ("0s", 0.0),
        ("soon", None),
        ("1.2s later", None),
        ("", None),
        (None, None),
        (True, None),
    ],
)
def test_durations(text: object, seconds: float | None) -> None:
    assert duration(text) == (pytest.approx(seconds) if seconds is not None else None)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("/registry/secrets/kube-system/admin-password", "/registry/secrets/"),
        ("/registry/secrets/", "/registry/secrets/"),
        ("/registry/pods/ci/runner-0042", "/registry/pods/"),
        ("/registry/services/specs/default/kubernetes", "/registry/services/specs/"),
        ("/registry/cilium.io/ciliumnodes/w-1", "/registry/cilium.io/ciliumnodes/"),
        ("/kubernetes.io/secrets/ns/token", "/kubernetes.io/secrets/"),
        ("/load/00112", "/load/"),
        ("/load/", "/load/"),
        ("/topsecret", "/topsecret…"),
        ("user-password-hunter2", "user…"),
        ("verylongname" * 20, "verylongnameverylongname…"),
        ("", ""),
    ],
)
def test_of_a_key_only_its_beginning_is_told(key: str, told: str) -> None:
    assert prefix(key) == told


@pytest.mark.parametrize("key", ["", "\\000"])
def test_a_range_from_the_first_key_on_is_all_keys(key: str) -> None:
    assert Asked(f'key:"{key}" range_end:"\\000" ').prefix == "all keys"


def test_a_request_is_told_by_what_it_does() -> None:
    ranged = Asked('key:"/load/" range_end:"/load0" limit:50 serializable:true ',
                   "range_response_count:50 size:26865")  # fmt: skip
    txn = Asked('header:<ID:1 > txn:<compare:<target:MOD key:\\"/registry/secrets/a/b\\" > '
                'success:<request_put:<key:\\"/x/y\\" value_size:3 >>>')  # fmt: skip

    assert (ranged.operation, ranged.prefix, ranged.limit) == ("range", "/load/", 50)
    assert (ranged.entries, ranged.bytes) == (50, 26865)
    assert (txn.operation, txn.prefix) == ("txn", "/registry/secrets/")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T07:30:03.100Z",
        "2026-11-22T08:30:03.1+0100",
        "2026-11-22T07:30:03.100000",
        1795332603.1,
    ],
)
def test_times(text: object) -> None:
    assert moment(text) == 1_795_332_603.1
