"""The rights in `deploy/` are those that the agent uses: none is missing, none is too many."""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.deploy.objects import KUSTOMIZE, ROOT, objects_in
from tests.kubernetes.recorded import PODS, RECORDED_AT
from tests.kubernetes.stacked import kubernetes
from tests.sources.kubernetes.test_mirror import until

from etcdscope.model.signal_kubernetes import APISERVER_PREFIX, KUBERNETES
from etcdscope.sources.kubernetes.kubeconfig import KubernetesSettings
from etcdscope.sources.kubernetes.opened import Kubernetes

_OBJECTS = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/v1(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+))?"
)
# So long after the recording no lease is renewed, and one is read by itself.
LATER = 20.0


class Right(NamedTuple):
    """One verb on one kind, in one namespace or ("") in all; or on a path."""

    what: str
    namespace: str
    verb: str


Rights = dict[Right, set[str]]  # → the names to which it is held, none for all


def needed(asked: list[str]) -> Rights:
    """Return what Kubernetes' authorizer wants for these requests."""
    found: Rights = defaultdict(set)
    for one in asked:
        path = one.removeprefix("watch:")
        if (said := _OBJECTS.fullmatch(path)) is None:
            found[Right(path, "", "get")] = set()
            continue
        verb = "watch" if path != one else "get" if said["name"] else "list"
        what = f"{said['resource']}.{said['group'] or ''}"
        found[Right(what, said["namespace"] or "", verb)] |= {said["name"]} - {None}
    return found


def given() -> Rights:
    """Return what the roles of the base allow."""
    return {
        right: names
        for role in roles()
        for rule in role["rules"]
        for right, names in _of(role, rule)
    }


def roles() -> Iterator[dict[str, Any]]:
    """Yield the roles of the base."""
    yield from (one for one in objects_in(KUSTOMIZE / "base") if one["kind"].endswith("Role"))


def _of(role: dict[str, Any], rule: dict[str, Any]) -> Iterator[tuple[Right, set[str]]]:
    namespace = role["metadata"].get("namespace", "")
    kinds = [f"{r}.{g}" for g, r in product(rule.get("apiGroups", ()), rule.get("resources", ()))]
    for what, verb in product([*kinds, *rule.get("nonResourceURLs", ())], rule["verbs"]):
        yield Right(what, namespace, verb), set(rule.get("resourceNames", ()))


async def requests(folder: Path, *, managed: bool) -> list[str]:
    """Return all that the sources ask of an API server; ``managed``: it shows no static pods."""
    async with kubernetes(folder, None) as (api, kubeconfig):
        if managed:
            api.lists[PODS].clear()
        async with Kubernetes(
            KubernetesSettings(kubeconfig=kubeconfig), lambda: RECORDED_AT
        ) as opened:
            await opened.find()
            await opened.sources()[KUBERNETES].read(KUBERNETES, RECORDED_AT + LATER)
            for _ in range(2):  # API servers that do not answer at their own address, then this one
                for at, source in opened.sources().items():
                    if at.startswith(APISERVER_PREFIX):
                        await source.read(at, RECORDED_AT)
            await until(lambda: sum(one.startswith("watch:") for one in api.asked) >= 7)
    return api.asked


async def test_rights_are_those_that_are_used(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    own = await requests(tmp_path_factory.mktemp("own"), managed=False)
    managed = await requests(tmp_path_factory.mktemp("managed"), managed=True)
    used, allowed = needed(own + managed), given()

    assert used.keys() == allowed.keys()
    for right, names in allowed.items():
        assert not names or used[right] == names, right


def test_rights_change_nothing_and_show_no_secret() -> None:
    for right in given():
        assert right.verb in {"get", "list", "watch"}
        assert "*" not in right.what
        assert right.what not in {"secrets.", "configmaps."}


def test_manual_lists_the_same_rights() -> None:
    """The table of docs/kubernetes.md is what who writes roles by hand goes by."""
    manual = (ROOT / "docs" / "kubernetes.md").read_text()
    rows = [line.strip("|").split("|") for line in manual.splitlines() if line.count("|") == 6]
    told = {
        Right(f"{what}.{'' if '(core)' in group else _words(group)[0]}", _in(scope), verb.strip())
        if "URL" not in scope
        else Right(what, "", "get")
        for scope, group, resources, verbs, _ in rows[2:]
        for what in _words(resources)[: None if "URL" in scope else 1]
        for verb in verbs.split(",")
    }

    assert told == given().keys()


def _in(scope: str) -> str:
    return _words(scope)[0] if "`" in scope else ""


def _words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
