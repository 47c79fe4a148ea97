"""One POST to a receiver: credentials, TLS, and what its answer means for a retry."""

import os
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from etcdscope.model.ports import DeliveryError

if TYPE_CHECKING:
    import aiohttp

# What of an answer is read, for the error's sake.
_ANSWER_BYTES: Final = 2_000
_ANSWER_SHOWN: Final = 200
_CONNECT_SECONDS: Final = 5.0
# A shorter header is a word such as "1" or "on", which would make errors unreadable.
_SECRET_LENGTH: Final = 4
# The message itself is at fault: it would be refused again, however often it is sent.
_POISONED: Final = frozenset({400, 413, 415, 422})


class RefusedError(DeliveryError):
    """The receiver understood and does not want these messages; sending them again is no use."""


class BusyError(DeliveryError):
    """The receiver said how long to wait."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret by where it is found: a file (read at every use, so that it may be replaced), an
    environment variable, or the text itself. It is never shown.
    """

    file: Path | None = None
    env: str = ""
    text: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.file or self.env or self.text)

    def read(self) -> str:
        """Return the secret; DeliveryError says what is missing."""
        if self.file:
            try:
                return self.file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise DeliveryError(f"cannot read the secret in {self.file}: {error}") from error
        if self.env and self.env not in os.environ:
            raise DeliveryError(f"the environment variable {self.env} is not set")
        return os.environ[self.env] if self.env else self.text


NO_SECRET: Final = Secret()


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where to post and as whom. ``user`` and ``password`` may stand in the URL as well."""

    url: str = field(repr=False)
    user: str = ""
    password: Secret = NO_SECRET
    token: Secret = NO_SECRET
    cacert: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    insecure_skip_tls_verify: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def origin(self) -> str:
        """Return the part of the URL that may be shown: a path or a query may be a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def without_userinfo(self) -> "Receiver":
        """Return the same with the URL's user and password taken out of it."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{self.origin!r} is no address to post to: write http(s)://host:port")
        if "@" not in parts.netloc:
            return self
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        user = self.user or unquote(parts.username or "")
        password = self.password or Secret(text=unquote(parts.password or ""))
        return replace(self, url=bare, user=user, password=password)


class Post:
    """Posts to one receiver over a session of its own, opened at the first use."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver.without_userinfo()
        self.who = self.receiver.origin
        # How far their clock is ahead of ours, in seconds, by the Date of the last answer.
        self.ahead = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def send(self, body: bytes, headers: Mapping[str, str], now: float) -> None:
        """Post; DeliveryError unless the answer is 2xx, RefusedError where a retry is no use."""
        import aiohttp  # noqa: PLC0415  # a tenth of a second that `check` does without

        secrets = self._secrets()
        sent = {"Content-Type": "application/json", **self.receiver.headers, **headers}
        if secrets.authorization:
            sent["Authorization"] = secrets.authorization
        try:
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=_tls(self.receiver)),
                    timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS),
                )
            async with self._session.post(
                self.receiver.url,
                data=body,
                headers=sent,
                allow_redirects=False,  # credentials go nowhere else
            ) as answer:
                text = "" if answer.status < 300 else await _beginning(answer)
        except aiohttp.ClientSSLError as error:
            await self.close()  # the next try reads the certificate files again
            raise DeliveryError(secrets.hide(f"{self.who}: TLS failed: {error}")) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The text of a ClientResponseError has the whole URL in it, its message has not.
            said = _short(secrets.hide(getattr(error, "message", str(error))))
            raise DeliveryError(
                f"{self.who} cannot be reached: {said or type(error).__name__}"
            ) from None
        self.ahead = _ahead(answer.headers.get("Date", ""), now)
        if answer.status >= 300:
            raise _error(answer, self.who, secrets.hide(text))

    async def close(self) -> None:
        """Close the connections; the next message opens new ones."""
        if self._session:
            await self._session.close()
            self._session = None

    def _secrets(self) -> "_Credentials":
        receiver = self.receiver
        headers = (v for v in receiver.headers.values() if len(v) >= _SECRET_LENGTH)
        private = (receiver.url, *headers)
        if receiver.token:
            token = receiver.token.read()
            return _Credentials(f"Bearer {token}", (token, *private))
        if receiver.user:
            password = receiver.password.read()
            pair = b64encode(f"{receiver.user}:{password}".encode()).decode()
            return _Credentials(f"Basic {pair}", (pair, password, *private))
        return _Credentials("", private)


@dataclass(frozen=True, slots=True)
class _Credentials:
    authorization: str = field(repr=False)
    never_shown: tuple[str, ...] = field(repr=False)

    def hide(self, text: str) -> str:
        """Return the text without what the receiver, or the library, may have repeated in it."""
        for secret in filter(None, self.never_shown):
            text = text.replace(secret, "***")
        return text


def _tls(receiver: Receiver) -> ssl.SSLContext | bool:
    if not receiver.url.startswith("https:"):
        return True
    try:
        context = ssl.create_default_context(cafile=receiver.cacert)
        if receiver.cert:
            # Without a password of our own, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(receiver.cert, receiver.key, password="")
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(str(f) for f in (receiver.cacert, receiver.cert, receiver.key) if f)
        raise DeliveryError(f"cannot use the certificate files {files}: {error}") from None
    if receiver.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _beginning(answer: "aiohttp.ClientResponse") -> str:
    return (await answer.content.read(_ANSWER_BYTES)).decode(errors="replace")


def _short(text: str) -> str:
    return " ".join(text.split())[:_ANSWER_SHOWN]


def _error(answer: "aiohttp.ClientResponse", who: str, text: str) -> DeliveryError:
    status = answer.status
    said = _short(text)
    sentence = f"{who} answered {status}" + (f": {said}" if said else "")
    if status in _POISONED:
        return RefusedError(f"{sentence}; sending it again would not help, it was dropped")
    if status in {401, 403}:
        return DeliveryError(f"{sentence}; set or correct its user, password or token")
    if status < 400:
        return DeliveryError(f"{sentence}, a redirect, which is not followed: write the new URL")
    if status in {404, 405}:
        return DeliveryError(f"{sentence}; is the URL right?")
    wait = answer.headers.get("Retry-After", "")
    return BusyError(sentence, float(wait)) if wait.isdecimal() else DeliveryError(sentence)


def _ahead(date: str, now: float) -> float:
    """Return by how many seconds a Date header is ahead; it has whole seconds only."""
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    ahead = theirs.timestamp() - now
    return ahead if abs(ahead) > 2 else 0.0  # else it is the rounding and the way
