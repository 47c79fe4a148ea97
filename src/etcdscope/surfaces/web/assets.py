"""The page's own files: a shell and its parts, read once, holding no data of any cluster."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from etcdscope.surfaces.web.answers import REVALIDATE, gzipped, has, tag_of, takes_gzip

PAGE: Final = Path(__file__).parent / "page"
SHELL: Final = "index.html"
# Everything comes from here and nothing is inline, so that text which comes from a cluster (member
# names, keys, log lines) can never become a script.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
_TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
    ".md": "text/plain",
}
_TEXTS: Final = ("text/", "image/svg", "application/json", "application/manifest")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent. ``packed`` is empty where compressing does not help."""

    body: bytes
    packed: bytes
    type: str
    tag: str


def read(directory: Path = PAGE) -> dict[str, Asset]:
    """Return all files below a directory by their path in it; only these are ever served."""
    return {
        str(path.relative_to(directory)): _asset(path)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    kind = (
        _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    )
    packed = gzipped(body, 9) if kind.startswith(_TEXTS) else b""
    return Asset(body, packed if len(packed) < len(body) else b"", kind, tag_of(body))


def shell(assets: dict[str, Asset]) -> Handler:
    """Return what answers ``/``."""

    async def handler(request: web.Request) -> web.Response:
        return _sent(request, assets.get(SHELL))

    return handler


def part(assets: dict[str, Asset]) -> Handler:
    """Return what answers ``/assets/…``."""

    async def handler(request: web.Request) -> web.Response:
        return _sent(request, assets.get(request.match_info["path"]))

    return handler


def _sent(request: web.Request, asset: Asset | None) -> web.Response:
    if asset is None:
        raise web.HTTPNotFound(text="There is no such file.\n")
    headers = {
        "ETag": asset.tag,
        "Cache-Control": REVALIDATE,
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": POLICY,
    }
    if has(request, asset.tag):
        return web.Response(status=304, headers=headers)
    body = asset.body
    if asset.packed and takes_gzip(request):
        body, headers["Content-Encoding"] = asset.packed, "gzip"
    charset = "utf-8" if asset.type.startswith(("text/", "image/svg")) else None
    return web.Response(body=body, content_type=asset.type, charset=charset, headers=headers)
