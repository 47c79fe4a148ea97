import asyncio
import ssl
from datetime import UTC, datetime

import pytest
from tests.etcd.conftest import Pki, security
from tests.etcd.servers import close_at_once, free_port, html, serving
from tests.etcd.test_failures import server_context

from etcdscope.etcd.certificates import own_certificate, presented_certificate
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.settings import Security
from etcdscope.model.reading import Failure


async def test_a_certificate_is_seen_though_nobody_trusts_it(pki: Pki) -> None:
    async with serving(html, server_context(pki.expired_server)) as port:
        seen = await presented_certificate("127.0.0.1", port, Security())

    assert seen.subject == "expired-server"
    assert seen.issuer == "etcdscope lab authority"
    assert "127.0.0.1" in seen.sans
    assert seen.not_before < seen.not_after < datetime.now(UTC)
    assert len(seen.fingerprint) == 64


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("shown", ["nothing", "a stranger's"])
async def test_a_certificate_is_seen_though_the_server_turns_us_away(
    pki: Pki, version: ssl.TLSVersion, shown: str
) -> None:
    context = server_context(pki.server, clients=True)
    context.minimum_version = context.maximum_version = version
    how = Security() if shown == "nothing" else security(pki.stranger)
    async with serving(html, context) as port:
        seen = await presented_certificate("127.0.0.1", port, how)

    assert seen.subject == "server"
    assert seen.fingerprint == own_certificate(pki.server.cert).fingerprint


async def test_where_none_is_shown_it_says_why() -> None:
    with pytest.raises(EtcdError) as refused:
        await presented_certificate("127.0.0.1", free_port(), Security())
    async with serving(close_at_once) as port:
        with pytest.raises(EtcdError) as closed:
            await presented_certificate("127.0.0.1", port, Security())
    async with serving(_plain) as port:
        with pytest.raises(EtcdError) as plain:
            await presented_certificate("127.0.0.1", port, Security())

    failures = [caught.value.failure for caught in (refused, closed, plain)]
    assert failures == [Failure.REFUSED, Failure.CLOSED, Failure.TLS_MISMATCH]


async def _plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()


def test_our_own_certificate_is_read(pki: Pki) -> None:
    assert own_certificate(pki.client.cert).subject == "client"
    with pytest.raises(EtcdError, match="cannot be read"):
        own_certificate(pki.client.key)
