"""One client an endpoint, opened when it is first asked for."""

from etcdscope.etcd.client import EtcdClient
from etcdscope.etcd.settings import Access

# A look takes no longer, whatever patience the user has with commands.
LONGEST_SECONDS = 1.0


class Clients:
    """The clients of one cluster, by endpoint."""

    def __init__(self, access: Access) -> None:
        self._security = access.security
        self._deadline = min(access.command_timeout, LONGEST_SECONDS)
        self._open: dict[str, EtcdClient] = {}

    def __call__(self, endpoint: str) -> EtcdClient:
        """Return the endpoint's client. Errors: SettingsError for an endpoint that is none."""
        if endpoint not in self._open:
            self._open[endpoint] = EtcdClient(
                endpoint, self._security, deadline_seconds=self._deadline
            )
        return self._open[endpoint]

    async def leave(self, endpoint: str) -> None:
        """Close the endpoint's client, if it has one; who asks again gets a new one."""
        if client := self._open.pop(endpoint, None):
            await client.aclose()

    async def aclose(self) -> None:
        """Close all of them."""
        for endpoint in tuple(self._open):
            await self.leave(endpoint)
