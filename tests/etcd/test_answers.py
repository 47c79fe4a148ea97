"""Answers recorded from real releases, as etcdctl printed them: the fields are etcd's own."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from etcdscope.etcd import answers
from etcdscope.etcd.proto import Message, message
from etcdscope.model.cluster import Alarm

RECORDED = Path(__file__).parent.parent / "recorded" / "grpc"
VERSIONS = ["3.4.23", "3.5.30", "3.6.14"]


def recorded(version: str, name: str) -> Any:  # noqa: ANN401  # JSON
    return json.loads((RECORDED / version / f"{name}.json").read_text())


def as_message(name: str, told: dict[str, Any]) -> Message:
    return ParseDict(told, message(name)(), ignore_unknown_fields=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_status_is_read(version: str) -> None:
    told = recorded(version, "endpoint-status")[0]["Status"]

    status = answers.status(as_message("StatusResponse", told))

    assert status.version == version
    assert status.member_id == f"{told['header']['member_id']:x}"
    assert status.cluster_id == f"{told['header']['cluster_id']:x}"
    assert status.leader == f"{told['leader']:x}"
    assert (status.db_bytes, status.db_in_use_bytes) == (told["dbSize"], told["dbSizeInUse"])
    assert (status.raft_index, status.raft_term) == (told["raftIndex"], told["raftTerm"])
    assert status.raft_applied_index == told["raftAppliedIndex"]
    assert status.errors == ()
    assert not status.is_learner


def test_status_of_3_6_also_tells_quota_and_storage_version() -> None:
    rows = [recorded(version, "nospace.endpoint-status")[0]["Status"] for version in VERSIONS]

    read = [answers.status(as_message("StatusResponse", row)) for row in rows]

    assert [(it.db_quota, it.storage_version) for it in read] == [
        (None, None),
        (None, None),
        (4_194_304, "3.6.0"),
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_status_carries_raised_alarms(version: str) -> None:
    told = recorded(version, "nospace.endpoint-status")[0]["Status"]

    (error,) = answers.status(as_message("StatusResponse", told)).errors

    assert "NOSPACE" in error


def test_an_absent_number_is_zero_unless_the_version_lacks_it() -> None:
    new = answers.status(message("StatusResponse")(version="3.6.0"))
    old = answers.status(message("StatusResponse")(version="3.3.27"))

    assert (new.leader, new.raft_applied_index, new.db_in_use_bytes, new.db_quota) == ("", 0, 0, 0)
    assert (old.leader, old.raft_applied_index, old.db_in_use_bytes, old.db_quota) == (
        "", None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_members_are_read(version: str) -> None:
    told = recorded(version, "member-list")

    read = answers.membership(as_message("MemberListResponse", told), linearizable=True)

    assert read.list.linearizable
    assert [member.id for member in read.list.members] == [
        f"{row['ID']:x}" for row in told["members"]
    ]
    assert all(member.started and member.client_urls for member in read.list.members)


@pytest.mark.parametrize("version", VERSIONS)
def test_alarms_are_read(version: str) -> None:
    told = recorded(version, "nospace.alarm-list")

    read = answers.alarms(as_message("AlarmResponse", told))

    assert read == (Alarm("NOSPACE", f"{told['alarms'][0]['memberID']:x}"),)


@pytest.mark.parametrize("version", VERSIONS)
def test_hashes_are_read(version: str) -> None:
    told = recorded(version, "endpoint-hashkv")[0]["HashKV"]

    read = answers.hash_kv(as_message("HashKVResponse", told), answers.version_of(version))

    assert read.hash == told["hash"]
    assert read.compact_revision == told["compact_revision"]
    assert read.hash_revision == told.get("hash_revision")


@pytest.mark.parametrize("version", VERSIONS)
def test_keys_are_read(version: str) -> None:
    told = recorded(version, "get-rev")

    read = answers.keys(as_message("RangeResponse", told))

    assert read.header.revision == told["header"]["revision"]
    assert read.count == told["count"]
    assert read.kvs[0].mod_revision == told["kvs"][0]["mod_revision"]
