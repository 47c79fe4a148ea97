"""What gRPC needs for TLS: it can neither skip verification nor find the system's authorities."""

from typing import TYPE_CHECKING

from etcdscope.etcd import tls
from etcdscope.etcd.certificates import presented_certificate
from etcdscope.etcd.endpoint import Endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.settings import Security
from etcdscope.model.reading import Failure

if TYPE_CHECKING:
    import grpc


async def channel_credentials(
    endpoint: Endpoint, security: Security
) -> tuple["grpc.ChannelCredentials", str]:
    """Return the credentials, and the name to expect in the certificate ("": the endpoint's).

    Where verification is to be skipped, the certificate that the server shows right now is the one
    that is trusted, under a name of its own. One that has expired still fails, as gRPC cannot be
    told otherwise; the JSON gateway has no such limit.
    Errors: EtcdError.
    """
    import grpc  # noqa: PLC0415

    if security.files:
        tls.client_context(security)  # says which of them is wrong; gRPC would only fail later
    name = ""
    if security.insecure_skip_tls_verify:
        shown = await presented_certificate(endpoint.host, endpoint.port, security)
        authorities: bytes | None = shown.pem
        name = shown.some_name or endpoint.host
    else:
        path = security.cacert
        authorities = path.read_bytes() if path else tls.system_authorities()
    try:
        cert = security.cert.read_bytes() if security.cert else None
        key = security.key.read_bytes() if security.key else None
    except OSError as error:
        raise EtcdError(Failure.TLS_REJECTED, f"our certificate cannot be read: {error}.") from None
    return grpc.ssl_channel_credentials(authorities, key, cert), name
