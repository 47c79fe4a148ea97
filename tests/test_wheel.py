"""The wheel has what `serve` needs, and nothing else; the page is served from it."""

import asyncio
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import aiohttp
import pytest

from etcdscope.surfaces.web import assets

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "etcdscope"
PAGE = "etcdscope/surfaces/web/page/"
_LISTENING = re.compile(rb"listening on (http://\S+)")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    into = tmp_path_factory.mktemp("wheel")
    words = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        str(into),
    ]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (built,) = into.glob("*.whl")
    return zipfile.ZipFile(built)


def test_wheel_has_the_package_its_page_and_the_figures(wheel: zipfile.ZipFile) -> None:
    files = {name for name in wheel.namelist() if not name.endswith("/")}
    page = {name.removeprefix(PAGE) for name in files if name.startswith(PAGE)}
    modules = {f"etcdscope/{file.relative_to(PACKAGE)}" for file in PACKAGE.rglob("*.py")}

    assert modules <= files
    assert page == {
        str(file.relative_to(PACKAGE / "surfaces/web/page"))
        for file in (PACKAGE / "surfaces/web/page").rglob("*")
        if file.is_file()
    }
    assert wheel.read("etcdscope/surfaces/web/benchmarks.md") == (
        (ROOT / "docs" / "benchmarks.md").read_bytes()
    )


def test_wheel_has_nothing_else_and_nothing_large(wheel: zipfile.ZipFile) -> None:
    for one in wheel.infolist():
        top = one.filename.partition("/")[0]
        assert top == "etcdscope" or top.endswith(".dist-info"), one.filename
        assert "__pycache__" not in one.filename
        assert one.file_size < 200_000, one.filename  # uPlot is the largest, with 145 kB
    assert Path(str(wheel.filename)).stat().st_size < 1_500_000  # 0.99 MB when this was written


async def test_page_and_figures_are_served_from_the_wheel(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    """In a folder of its own, without the checkout around it; nobody need listen at etcd's port."""
    await asyncio.to_thread(wheel.extractall, tmp_path)
    script = (
        "import etcdscope, sys; from etcdscope.cli import main\n"
        f"assert etcdscope.__file__.startswith({str(tmp_path)!r}), etcdscope.__file__\n"
        "main()"
    )
    words = ["-c", script, "serve", "--listen=127.0.0.1:0", "--endpoints=127.0.0.1:1"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        url = await _listening(process)
        async with aiohttp.ClientSession(url) as session:
            shell = await _get(session, "/")
            parts = re.findall(r'(?:src|href)="(assets/[^"]+)"', shell)
            for part in parts:
                assert await _get(session, f"/{part}"), part
            figures = await _get(session, "/api/v1/benchmarks")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()

    assert "assets/app.js" in parts
    assert shell.encode() == assets.PAGE.joinpath(assets.SHELL).read_bytes()
    assert "etcd-mixin" in figures


async def _listening(process: asyncio.subprocess.Process) -> str:
    assert process.stderr
    said = b""
    async with asyncio.timeout(60):
        while line := await process.stderr.readline():
            said += line
            if found := _LISTENING.search(line):
                return found[1].decode()
    raise AssertionError(said.decode())


async def _get(session: aiohttp.ClientSession, path: str) -> str:
    async with session.get(path) as answer:
        assert answer.status == 200, path
        return await answer.text()
