"""Where a key belongs: which resource, which namespace, what name.

Kubernetes keeps built-in kinds under /registry/<resource>[/<namespace>]/<name>, custom ones under
/registry/<group>/<plural>[/<namespace>]/<name>; OpenShift has two roots of its own. Exceptions
are in SpecialDefaultResourcePrefixes (pkg/kubeapiserver/default_storage_factory_builder.go).
"""

from typing import NamedTuple

ROOTS = frozenset({b"registry", b"kubernetes.io", b"openshift.io"})
# /registry/services/specs, /registry/ranges/serviceips: two parts are the resource.
_TWO_PARTS = frozenset({b"services", b"ranges"})


class Place(NamedTuple):
    """Where keys are; ``shared``: every key of the same parent is at the same place."""

    prefix: bytes
    resource: str
    namespace: str
    shared: bool


def place(key: bytes) -> Place:
    """Return where a key belongs."""
    if key[:1] == b"/":
        root, *parts = key[1:].split(b"/")
        if parts and root in ROOTS:
            return _kubernetes(b"/" + root, parts)
        return _foreign(b"/" + root, parts)
    root, *parts = key.split(b"/")
    return _foreign(root, parts)


def _kubernetes(root: bytes, parts: list[bytes]) -> Place:
    first = parts[0]
    custom = b"." in first and len(parts) > 2
    if first in _TWO_PARTS or custom:
        name, rest = b"/".join(parts[:2]), parts[2:]
    else:
        name, rest = first, parts[1:]
    namespace = text(rest[0]) if len(rest) > 1 else ""
    resource = text(name) if root == b"/registry" else text(root[1:] + b"/" + name)
    return Place(root + b"/" + name, resource, namespace, bool(rest))


def _foreign(root: bytes, parts: list[bytes]) -> Place:
    return Place(root, text(root), "", bool(parts))


def kubernetes(prefix: bytes) -> bool:
    """Return whether an API server keeps its objects there."""
    return prefix[:1] == b"/" and prefix[1:].partition(b"/")[0] in ROOTS


def group_and_plural(resource: str) -> tuple[str, str] | None:
    """Return the API group and plural of a custom resource, None for a built-in one."""
    group, slash, plural = resource.partition("/")
    return (group, plural) if slash and "." in group and "/" not in plural else None


def text(name: bytes) -> str:
    """Return a name as text, whatever its bytes are."""
    return name.decode(errors="backslashreplace")
