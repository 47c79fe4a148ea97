"""etcd's errors: complete, found by what people paste, and about detectors that exist."""

import re
from pathlib import Path

import pytest
from tests.detect.test_catalog import ADDED, CAUSES

from etcdscope.lab import programs
from etcdscope.model import errors
from etcdscope.model.errors import ALL, CODES, LEAKED, V2, V3, KnownError

each = pytest.mark.parametrize("error", [pytest.param(e, id=e.text[:60]) for e in ALL])


@each
def test_an_error_says_what_it_means_and_what_to_do(error: KnownError) -> None:
    assert error.means.endswith(".")
    assert error.todo
    assert error.code == "v2" or error.code in errors.BY_NAME
    assert set(error.causes) <= CAUSES | ADDED


@each
def test_an_error_is_found_by_its_own_words(error: KnownError) -> None:
    found = errors.in_text(error.text)

    assert found is error


def test_texts_and_numbers_are_there_once() -> None:
    assert len({e.text for e in ALL}) == len(ALL)
    assert len({e.number for e in V2}) == len(V2)
    assert [c.number for c in CODES] == list(range(17))


def test_v3_errors_bear_the_name_of_etcd() -> None:
    assert all(e.text.startswith("etcdserver: ") for e in V3)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        pytest.param(
            "mvcc: database space exceeded", "etcdserver: mvcc: database space exceeded", id="short"
        ),
        pytest.param(
            "DATABASE SPACE EXCEEDED", "etcdserver: mvcc: database space exceeded", id="capitals"
        ),
        pytest.param(
            "rpc error: code = Unavailable desc = etcdserver: no leader",
            "etcdserver: no leader",
            id="from gRPC",
        ),
        pytest.param(
            '{"level":"warn","msg":"apply failed","error":"etcdserver: leader changed"}',
            "etcdserver: leader changed",
            id="in a log line",
        ),
        pytest.param(
            "Error: etcdserver: request timed out, possibly due to connection lost",
            "etcdserver: request timed out, possibly due to connection lost",
            id="the longest wins",
        ),
        pytest.param(
            "Error from server: etcdserver: request timed out",
            "etcdserver: request timed out",
            id="through kubectl",
        ),
        pytest.param("100: Key not found (/foo) [12]", "Key not found", id="etcdctl of v2"),
        pytest.param(
            '{"errorCode":300,"message":"Raft Internal Error","index":7}',
            "Raft Internal Error",
            id="JSON of v2",
        ),
        pytest.param(
            "x509: certificate signed by unknown authority (possibly because …)",
            "certificate signed by unknown authority",
            id="TLS",
        ),
        pytest.param(
            "grpc: received message larger than max (1683628 vs. 1572864)",
            "received message larger than max",
            id="gRPC's own",
        ),
    ],
)
def test_an_error_is_found_in_what_people_paste(said: str, text: str) -> None:
    found = errors.in_text(said)

    assert found is not None
    assert found.text == text


@pytest.mark.parametrize("said", ["", "all is well", "the key of this house", "leader", "300 ms"])
def test_other_words_are_no_error(said: str) -> None:
    assert errors.in_text(said) is None


@pytest.mark.parametrize(
    ("word", "number"),
    [("RESOURCE_EXHAUSTED", 8), ("ResourceExhausted", 8), ("codes.Unavailable", 14), ("14", 14),
     ("Canceled", 1), ("deadline exceeded", 4), ("OK", 0)],
)  # fmt: skip
def test_a_code_is_found_by_name_and_number(word: str, number: int) -> None:
    found = errors.code(word)

    assert found is not None
    assert found.number == number


@pytest.mark.parametrize("word", ["", "17", "300", "EXHAUSTED", "v2"])
def test_other_words_are_no_code(word: str) -> None:
    assert errors.code(word) is None


def test_errors_of_a_code_are_those_of_the_method() -> None:
    put = {e.text for e in errors.by_code("RESOURCE_EXHAUSTED", "Put")}
    move = {e.text for e in errors.by_code("FAILED_PRECONDITION", "MoveLeader")}

    assert put == {
        "etcdserver: mvcc: database space exceeded",
        "etcdserver: too many requests",
    }
    assert "etcdserver: not leader" in move
    assert "etcdserver: lease already exists" not in move


# --- against the programs themselves ---------------------------------------------------------

# Texts that this release does not have yet, as read from its program.
ABSENT = {
    "3.5": {"invalid client api version", "invalid sort option"},
    "3.4": {
        "invalid client api version",
        "invalid sort option",
        "cluster ID mismatch",
        "permission not given",
        "request canceled",
        "context deadline exceeded",
        "cluster version not found during downgrade",
        "wrong downgrade target version format",
        "invalid downgrade target version",
        "cluster has a downgrade job in progress",
        "no inflight downgrade job",
    },
}


@pytest.mark.etcd
@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_every_text_stands_in_the_program(version: str) -> None:
    program = _program(version)

    missing = {e.text for e in V3 if e.text.encode() not in program}

    assert missing == {f"etcdserver: {text}" for text in ABSENT[version]}
    assert all(e.text.encode() in program for e in V2 if e.number in {100, 101, 110, 300, 301, 401})


@pytest.mark.etcd
@pytest.mark.parametrize("version", ["3.4", "3.5"])
def test_the_program_has_no_text_that_we_lack(version: str) -> None:
    """Go's strings stand side by side, so each must begin with one of ours."""
    program = _program(version)
    known = [e.text.encode() for e in (*V3, *LEAKED)]
    said = {
        program[m.start() : m.start() + 80]
        for m in re.finditer(rb"etcdserver: (?=[a-zA-Z])", program)
    }

    assert len(said) > 50
    assert [text for text in said if not text.startswith(tuple(known))] == []


def _program(version: str) -> bytes:
    return Path(programs.find("etcd", version).path).read_bytes()
