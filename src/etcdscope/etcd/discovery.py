"""Endpoints from DNS SRV records, as etcdctl's --discovery-srv finds them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.settings import Access
from etcdscope.model.reading import Failure

if TYPE_CHECKING:
    import dns.asyncresolver

# Both are asked for, and what either gives is used; client/pkg/srv in etcd.
_SERVICES = (("etcd-client-ssl", "https"), ("etcd-client", "http"))


async def endpoints(
    access: Access, resolver: "dns.asyncresolver.Resolver | None" = None
) -> tuple[str, ...]:
    """Return the URLs to begin with: from DNS where a domain is given, else those given.

    Errors: EtcdError DNS where the domain has neither record.
    """
    if not access.discovery_srv:
        return access.endpoints
    import dns.asyncresolver  # noqa: PLC0415  # 0.05 s, which few need

    asked = resolver or dns.asyncresolver.Resolver()
    found: list[str] = []
    for service, scheme in _SERVICES:
        suffix = f"-{access.discovery_srv_name}" if access.discovery_srv_name else ""
        found += await _look_up(asked, f"_{service}{suffix}._tcp.{access.discovery_srv}", scheme)
    if not found:
        raise EtcdError(Failure.DNS, _nothing(access.discovery_srv, access.discovery_srv_name))
    return tuple(found)


async def _look_up(resolver: "dns.asyncresolver.Resolver", name: str, scheme: str) -> Sequence[str]:
    """Return what one record names, in the order in which it wants to be used."""
    import dns.exception  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    try:
        answer = await resolver.resolve(name, "SRV")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except (dns.exception.DNSException, OSError) as error:
        why = str(error).rstrip(".")[:120]
        raise EtcdError(Failure.DNS, f"asking for the SRV record {name} failed: {why}.") from None
    rows = sorted(answer, key=lambda row: (row.priority, -row.weight))
    return [f"{scheme}://{row.target.to_text(omit_final_dot=True)}:{row.port}" for row in rows]


def _nothing(domain: str, name: str) -> str:
    suffix = f"-{name}" if name else ""
    return (
        f"{domain} has no SRV record _etcd-client-ssl{suffix}._tcp or _etcd-client{suffix}._tcp;"
        " see --discovery-srv and --discovery-srv-name, or give --endpoints."
    )
