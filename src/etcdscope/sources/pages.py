"""What sources ask of HTTP: a page of one endpoint, and what it means not to get it."""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.http import HttpAnswer
from etcdscope.model.reading import Failure

_REFUSALS = {
    401: (Failure.UNAUTHENTICATED, "wants to know who asks"),
    403: (Failure.PERMISSION_DENIED, "does not let us"),
    404: (Failure.UNSUPPORTED, "is not served there"),
}


class Pages(Protocol):
    """Gets pages; ``etcd.http.HttpClient`` is one. Errors: EtcdError."""

    async def get(
        self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """Get ``url``; TOO_LARGE where the body is longer than ``max_bytes``."""
        ...


def page_url(endpoint: str, path: str, elsewhere: Mapping[str, str]) -> str:
    """Return where a page of an endpoint is; a URL ``elsewhere`` may say its path or not."""
    url = elsewhere.get(endpoint, endpoint)
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + path


async def page(pages: Pages, url: str, max_bytes: int) -> HttpAnswer:
    """Get a page that must be there. Errors: EtcdError."""
    answer = await pages.get(url, max_bytes=max_bytes)
    if answer.status == 200:
        return answer
    failure, says = _REFUSALS.get(answer.status, (Failure.NOT_ETCD, "answers as etcd would not"))
    raise EtcdError(failure, f"{url} {says}: HTTP status {answer.status}.", str(answer.status))
