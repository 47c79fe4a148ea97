"""How an answer is sent: as JSON, with an ETag, compressed where that pays, with safe headers."""

import asyncio
import hashlib
import zlib
from typing import Final

import msgspec
from aiohttp import web

# Smaller bodies fit into one packet anyway.
WORTH_COMPRESSING: Final = 1_024
# Compressing takes 20 ms a megabyte: larger bodies do not do it in the loop, which judges.
NOT_IN_THE_LOOP: Final = 128 * 1024
SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Of everything but the page itself nothing is ever to be run or shown.
NOTHING: Final = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store"}
# May be kept, but is asked for again each time; the ETag then saves the body.
REVALIDATE: Final = "private, no-cache"


class Refusal(Exception):
    """A question that is not answered. The message says why, and what to do."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def error(status: int, why: str) -> web.Response:
    """Return an error as the API words it."""
    body = msgspec.json.encode({"error": why})
    return web.Response(body=body, status=status, content_type="application/json")


async def sent(request: web.Request, value: object) -> web.Response:
    """Return a value as JSON; 304 where the client has that very one."""
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    tag = tag_of(body)
    headers = {"ETag": tag, "Cache-Control": REVALIDATE, "Vary": "Accept-Encoding, Authorization"}
    if has(request, tag):
        return web.Response(status=304, headers=headers)
    if len(body) >= WORTH_COMPRESSING and takes_gzip(request):
        if len(body) > NOT_IN_THE_LOOP:
            body = await asyncio.to_thread(gzipped, body)
        else:
            body = gzipped(body)
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, content_type="application/json", headers=headers)


def tag_of(body: bytes) -> str:
    """Return a weak ETag: the same body compressed or not is the same to a client."""
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def has(request: web.Request, tag: str) -> bool:
    """Return whether the client says that it has what this tag stands for."""
    known = request.headers.get("If-None-Match", "")
    plain = tag.removeprefix("W/")
    return known == "*" or plain in {t.strip().removeprefix("W/") for t in known.split(",")}


def takes_gzip(request: web.Request) -> bool:
    """Return whether the client takes gzip (``gzip;q=0`` refuses it)."""
    for offer in request.headers.get("Accept-Encoding", "").split(","):
        name, _, quality = offer.replace(" ", "").partition(";")
        if name in ("gzip", "*"):
            return quality not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def gzipped(body: bytes, level: int = 4) -> bytes:
    """Return the body in gzip, without a time in it: the same is always the same."""
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()
