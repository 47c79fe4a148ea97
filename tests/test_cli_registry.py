"""``etcdscope registry``: what it takes, what it prints, how it ends."""

import csv
import io
import json
import os
from pathlib import Path

import jsonschema
import pytest
from tests.etcd.bolt.test_file import SMALL
from tests.etcd.bolt.written import Put, Written, history
from tests.sources.registry.recorded import HERE, expected, snapshot

from etcdscope.cli import main
from etcdscope.surfaces.registry.objects import schema

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_etcdctl(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("ETCDCTL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.db"
    path.write_bytes(SMALL)
    return path


def test_a_snapshot_is_told_as_json_with_its_ground_truth(capsys: Printed, tmp_path: Path) -> None:
    assert main(["registry", str(snapshot(tmp_path)), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    jsonschema.validate(told, schema()["registry.schema.json"])
    assert told["revision"] == expected()["revision"]
    assert told["keys"] == expected()["keys_total"]
    assert told["headline"].startswith("pods hold 44 % of 46 MB in 16 434 keys")


def test_a_snapshot_is_told_as_text(capsys: Printed, small: Path) -> None:
    assert main(["registry", str(small)]) == 0
    out, err = capsys.readouterr()

    assert out.startswith("pods hold 100 % of")
    assert "checksum right" in out
    assert not err


def test_a_snapshot_is_told_as_csv(capsys: Printed, small: Path) -> None:
    assert main(["registry", str(small), "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))

    assert (row["resource"], row["namespace"], row["keys"], row["revisions"]) == (
        "pods",
        "a",
        "9",
        "60",
    )


def test_a_damaged_file_is_told_as_far_as_it_goes_and_ends_with_1(
    capsys: Printed, small: Path
) -> None:
    small.write_bytes(SMALL[:-1] + b"\0")

    assert main(["registry", str(small)]) == 1
    assert "checksum is not that of its content" in capsys.readouterr().out


def test_names_of_secrets_are_hidden_where_that_is_wanted(capsys: Printed, tmp_path: Path) -> None:
    path = tmp_path / "db"
    entries = history([Put(b"/registry/secrets/shop/admin-password", b"k8s\0hunter2", 4)])
    path.write_bytes(Written().database({b"key": entries}))

    for form in ([], ["--json"]):
        assert main(["registry", str(path), "--hash-secrets", *form]) == 0
        out = capsys.readouterr().out
        assert "admin-password" not in out
        assert "/registry/secrets/shop/sha256:" in out


def test_no_form_shows_a_value(capsys: Printed, tmp_path: Path) -> None:
    path = tmp_path / "db"
    entries = history([Put(b"/registry/secrets/shop/a", b"hunter2")])
    path.write_bytes(Written().database({b"key": entries}))

    for form in ([], ["--json"], ["--csv"]):
        main(["registry", str(path), *form])
        assert "hunter2" not in capsys.readouterr().out


def test_two_files_are_compared(capsys: Printed, small: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.db"
    more = [Put(b"/registry/pods/a/%d" % n, b"v" * 1000) for n in range(30)]
    later.write_bytes(Written().database({b"key": history(more, 200)}))

    assert main(["registry", "diff", str(small), str(later), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, schema()["registry-diff.schema.json"])
    assert told["keys"] == 21
    assert told["resource"][0]["name"] == "pods"
    assert told["namespace"][0]["name"] == "a"

    assert main(["registry", "diff", str(small), str(later)]) == 0
    assert "pods grew most" in capsys.readouterr().out


def test_what_was_printed_before_is_compared_with_a_file(
    capsys: Printed, small: Path, tmp_path: Path
) -> None:
    main(["registry", str(small), "--json"])
    printed = tmp_path / "then.json"
    printed.write_text(capsys.readouterr().out)

    assert main(["registry", "diff", str(printed), str(small)]) == 0
    assert "It did not grow" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["/nope.db"], 64, "/nope.db is no file"),
        (["a", "b"], 64, "name one file, or diff A B"),
        (["diff", "a"], 64, "registry diff A B"),
        (["diff", "24h", "now"], 64, "want --data-dir"),
        (["diff", "a", "b", "--csv"], 64, "use --json"),
        (["--json", "--csv"], 64, "exclude each other"),
        (["--rate", "fast"], 64, "write 20MB"),
        (["--rate=-5MB"], 64, "write 20MB"),
        (["--endpoints", "127.0.0.1:1"], 1, "nobody listens at 127.0.0.1:1"),
        ([str(HERE / "snapshot.db.zst")], 1, "run unzstd first"),
        ([str(HERE / "README.md")], 1, "is no database of etcd"),
        ([str(HERE / "expected.json")], 64, "neither a database nor what --json printed"),
        (["diff", "1h", "now", "--data-dir", "/nope"], 1, "/nope"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(
    words: list[str], code: int, complaint: str, capsys: Printed
) -> None:
    assert main(["registry", *words]) == code
    out, err = capsys.readouterr()
    assert not out
    assert complaint in err
    assert "Traceback" not in err
