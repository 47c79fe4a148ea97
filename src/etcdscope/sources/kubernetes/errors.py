"""Why Kubernetes gave no answer, in one sentence that says what to do."""

import msgspec

from etcdscope.etcd.failures import failure_of
from etcdscope.model.reading import Failure

_F = Failure
_BY_STATUS = {401: _F.UNAUTHENTICATED, 403: _F.PERMISSION_DENIED, 404: _F.UNSUPPORTED}
_SAYS = {
    _F.REFUSED: "nobody listens at {where}; see whether the API server runs.",
    _F.TIMEOUT: "{where} gave no answer in time; see whether the API server is busy, or cut off.",
    _F.UNREACHABLE: "there is no way to {where}; see the network and its policies.",
    _F.CLOSED: "{where} closed the connection in the middle; see whether the API server restarts.",
    _F.DNS: "the name in {where} does not resolve; see the server of the kubeconfig.",
    _F.TLS_UNTRUSTED: "the certificate of {where} is not trusted; see certificate-authority and"
    " tls-server-name of the kubeconfig.",
    _F.TLS_REJECTED: "{where} does not accept our certificate; renew the client certificate of the"
    " kubeconfig.",
    _F.TLS_EXPIRED: "a certificate between us and {where} is not valid now.",
    _F.TLS_MISMATCH: "{where} speaks TLS where the URL says http, or the other way round.",
}


class KubernetesError(Exception):
    """Why there was no answer. ``status``: HTTP's, 0 where there was none.

    ``retry_after``: seconds that the server asks us to wait. The message never has a token in it.
    """

    def __init__(
        self, failure: Failure, detail: str, status: int = 0, retry_after: float = 0.0
    ) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail
        self.status = status
        self.retry_after = retry_after

    @property
    def gone(self) -> bool:
        """Return whether the version that we asked from is no longer kept."""
        return self.status == 410


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""
    code: int = 0


def of_status(status: int, body: bytes, where: str, retry_after: str = "") -> KubernetesError:
    """Return what an answer other than 200 means; Kubernetes' own words where it gave some."""
    try:
        said = msgspec.json.decode(body, type=_Status).message
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = ""
    says = " ".join(said.split())[:200].rstrip(" .")
    failure = _BY_STATUS.get(status, _F.REJECTED)
    detail = f"{where}: {says or f'HTTP status {status}'}"
    if failure is _F.UNAUTHENTICATED:
        detail += "; the token or certificate is not, or no longer, valid"
    wait = float(retry_after) if retry_after.isdigit() else 0.0
    return KubernetesError(failure, f"{detail}.", status, min(wait, 60.0))


def of_event(raw: bytes, where: str) -> KubernetesError:
    """Return what an ERROR event of a watch means; it carries a Status."""
    try:
        status = msgspec.json.decode(raw, type=_Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        status = _Status("an error that is no Status")
    return of_status(status.code, raw, where)


def of_library(error: BaseException, where: str) -> KubernetesError:
    """Return what an error of aiohttp, ssl or the system means."""
    failure = failure_of(error, where).failure
    says = _SAYS.get(failure, "{where} does not answer as the Kubernetes API does.")
    return KubernetesError(failure, says.format(where=where))
