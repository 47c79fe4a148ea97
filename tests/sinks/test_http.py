import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from tests.sinks.fakes import AT, garbling, receiving

from etcdscope.lab.certificates import Authority
from etcdscope.model.ports import DeliveryError
from etcdscope.sinks.http import BusyError, Post, Receiver, RefusedError, Secret


async def post(receiver: Receiver) -> Post:
    """Post once."""
    sender = Post(receiver)
    try:
        await sender.send(b"{}", {"X-Mine": "1"}, AT)
    finally:
        await sender.close()
    return sender


async def test_a_receiver_gets_the_body_and_the_headers() -> None:
    async with receiving() as there:
        await post(Receiver(f"{there.url}/hook?x=1", headers={"X-Team": "etcd"}))

    (heard,) = there.heard
    assert (heard.path, heard.body) == ("/hook", b"{}")
    assert heard.headers["Content-Type"] == "application/json"
    assert (heard.headers["X-Mine"], heard.headers["X-Team"]) == ("1", "etcd")


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (400, RefusedError, "answered 400: what is wrong; sending it again would not help"),
        (422, RefusedError, "answered 422"),
        (401, DeliveryError, "set or correct its user, password or token"),
        (404, DeliveryError, "is the URL right?"),
        (302, DeliveryError, "write the new URL"),
        (429, DeliveryError, "answered 429"),
        (500, DeliveryError, "answered 500: what is wrong"),
    ],
)
async def test_an_answer_says_what_to_do(
    status: int, error: type[DeliveryError], says: str
) -> None:
    answer = web.Response(status=status, text="what\n is wrong")
    async with receiving(answers=[answer]) as there:
        with pytest.raises(DeliveryError) as raised:
            await post(Receiver(there.url))

    assert type(raised.value) is error
    assert says in str(raised.value)


async def test_a_busy_receiver_says_how_long_to_wait() -> None:
    answer = web.Response(status=503, headers={"Retry-After": "7"})
    async with receiving(answers=[answer]) as there:
        with pytest.raises(BusyError) as raised:
            await post(Receiver(there.url))

    assert raised.value.seconds == 7


@pytest.mark.parametrize(
    "said",
    [b"", b"garbage\r\n\r\n", b"\x00\xff" * 9_000, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
     b"HTTP/1.1 500 Oh\r\nContent-Length: 100\r\n\r\nshort"],
    ids=["nothing", "garbage", "binary", "bad length", "cut short"],
)  # fmt: skip
async def test_garbage_is_a_delivery_error_that_shows_no_secret_path(said: bytes) -> None:
    async with garbling(said) as url:
        with pytest.raises(DeliveryError) as raised:
            await post(Receiver(f"{url}/T0P/s3cret"))

    assert url in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert len(str(raised.value)) < 400


async def test_nobody_there_is_a_delivery_error(unused_tcp_port: int) -> None:
    with pytest.raises(DeliveryError, match="cannot be reached: Cannot connect"):
        await post(Receiver(f"http://127.0.0.1:{unused_tcp_port}"))


async def test_no_time_of_our_own_limits_an_answer() -> None:
    async with receiving(hangs=True) as there:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await post(Receiver(there.url))


async def test_credentials_are_sent_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    echo = web.Response(status=400, text="no, not hunter2, nor bWU6aHVudGVyMg==")
    async with receiving(answers=[echo]) as there:
        receiver = Receiver(there.url, user="me", password=Secret(file=file))
        with pytest.raises(RefusedError, match=r"no, not \*\*\*, nor \*\*\*"):
            await post(receiver)

        assert there.heard[0].headers["Authorization"] == "Basic bWU6aHVudGVyMg=="


async def test_user_and_password_may_stand_in_the_url() -> None:
    async with receiving() as there:
        sender = await post(Receiver(there.url.replace("//", "//me:hunt%65r2@")))

    assert there.heard[0].headers["Authorization"] == "Basic bWU6aHVudGVyMg=="
    assert "hunter2" not in repr(sender.receiver)
    assert sender.who == there.url


async def test_a_token_is_read_anew_for_every_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    monkeypatch.setenv("TOKEN", "three")
    async with receiving() as there:
        for text in ("one", "two"):
            file.write_text(text)
            await post(Receiver(there.url, token=Secret(file=file)))
        await post(Receiver(there.url, token=Secret(env="TOKEN")))

    sent = [heard.headers["Authorization"] for heard in there.heard]
    assert sent == ["Bearer one", "Bearer two", "Bearer three"]


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        (Secret(file=Path("/nowhere/token")), "cannot read the secret in /nowhere/token"),
        (Secret(env="ETCDSCOPE_NO_SUCH"), "variable ETCDSCOPE_NO_SUCH is not set"),
    ],
)
def test_a_missing_secret_says_which(secret: Secret, says: str) -> None:
    with pytest.raises(DeliveryError, match=says):
        secret.read()
    assert "hunter2" not in repr(Secret(text="hunter2"))


@pytest.mark.parametrize("url", ["", "alertmanager:9093", "ftp://x", "http://"])
def test_what_is_no_address_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match=r"write http\(s\)://host:port"):
        Post(Receiver(url))


async def test_both_sides_show_their_certificates(tmp_path: Path) -> None:
    files = Authority(tmp_path / "ca").issue("there", ["127.0.0.1"], timedelta(days=1))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.ca)
    context.load_cert_chain(files.cert, files.key)
    context.verify_mode = ssl.CERT_REQUIRED
    async with receiving(tls=context) as there:
        await post(Receiver(there.url, cacert=files.ca, cert=files.cert, key=files.key))
        with pytest.raises(DeliveryError, match=r"TLS failed: .*certificate verify failed"):
            await post(Receiver(there.url, cert=files.cert, key=files.key))
        with pytest.raises(DeliveryError):
            await post(Receiver(there.url, cacert=files.ca))
        skip = Receiver(there.url, cert=files.cert, key=files.key, insecure_skip_tls_verify=True)
        await post(skip)

    assert len(there.heard) == 2


async def test_a_certificate_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"cannot use the certificate files .*no\.pem"):
        await post(Receiver("https://127.0.0.1:1", cacert=tmp_path / "no.pem"))


async def test_their_clock_is_compared_with_ours() -> None:
    date = format_datetime(datetime.fromtimestamp(AT + 90, UTC), usegmt=True)
    async with receiving(answers=[web.Response(headers={"Date": date})]) as there:
        sender = await post(Receiver(there.url))

    assert sender.ahead == pytest.approx(90, abs=1)
