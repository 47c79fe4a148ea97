"""The OpenAPI document, made from the table of routes and the shapes of their answers."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from etcdscope import __version__
from etcdscope.surfaces.view.shapes import HelloObject, LiveObject, ResetObject, SummaryObject
from etcdscope.surfaces.web.routes import BASE, Route

_REFERENCE = "#/components/schemas/{name}"
_NAMED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "cluster": (
        "Key of a cluster: its name in the configuration, else `default`.",
        {"type": "string", "minLength": 1},
    ),
    "incident": ("Id of an incident, with its slashes.", {"type": "string", "minLength": 1}),
    "chart": ("Id of a chart.", {"type": "string", "minLength": 1}),
    "member": ("Name or hex id of a member.", {"type": "string", "minLength": 1}),
}
_ASKED: Mapping[str, str] = {
    "from": "Begin of the span, unix seconds; an hour before `to` (of incidents: a week).",
    "to": "End of the span, unix seconds; now where it is left out.",
    "step": "Seconds between points; made longer where that were more than 2000.",
    "charts": "Ids of charts with commas between; all where it is left out.",
    "state": "Only incidents that go on, or only those that are over.",
    "cause": "Only incidents with this cause.",
    "time": "The moment, unix seconds.",
    "cluster": "Of this cluster alone, with all its members; else of all, in summary.",
    "q": "A cause, a signal, a metric, an error of etcd, a word, or a whole log line.",
    "a": "A moment, unix seconds; the count nearest to it is compared.",
    "b": "Another moment.",
}
_EVENTS = """Server-sent events, each with an `id` but the first:

- `hello`: `version`, `started_at` and `at`; comes first.
- `reset`: what happened since `Last-Event-ID` is not known here; ask for the incidents again.
- `cluster`: how a cluster stands: a `SummaryObject`, or with `?cluster=KEY` a `LiveObject`; once
  for each at the beginning, then when it changes, at most once a second but for news.
- `incident`, `blind-spot`, `verdict`: what `watch --json` prints, with the cluster's `key` first.

A comment comes every five seconds where nothing else does. `Last-Event-ID` takes up where it was.
Who does not keep up is let go, and may come back with it."""


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the whole document."""
    carried = (SummaryObject, LiveObject, HelloObject, ResetObject)  # by events
    shapes = [*(route.gives for route in routes if _is_struct(route.gives)), *carried]
    _, parts = msgspec.json.schema_components(shapes, ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "etcdscope",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "What an agent of etcdscope sees of the etcd clusters that it watches."
            " Times are unix seconds, sizes bytes, durations seconds, ratios 0 to 1; what is"
            " unknown is null. Incidents and blind spots are the lines of `watch --json`.",
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": {BASE + r.path: {"get": _operation(r)} for r in routes} | _logs(),
        "components": {
            "schemas": {**_tidied(parts), "Error": _error()},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The agent's token; always needed away from loopback.",
                }
            },
        },
    }


def _tidied(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shapes by name, with their docstrings as Markdown."""
    return {
        name: parts[name]
        | {"description": inspect.cleandoc(parts[name].get("description", "")).replace("``", "`")}
        for name in sorted(parts)
    }


def _is_struct(shape: object) -> bool:
    return isinstance(shape, type) and issubclass(shape, Struct)


def _operation(route: Route) -> dict[str, Any]:
    named = re.findall(r"{(\w+)}", route.path)
    parameters = [*map(_in_path, named), *_in_query(route.takes)]
    streamed = route.kind == "text/event-stream"
    if streamed:
        parameters.append(_last_event_id())
    return {
        "operationId": re.sub(r"\W+", "-", route.path).strip("-"),
        "summary": route.does,
        **({"description": _EVENTS} if streamed else {}),
        **({"parameters": parameters} if parameters else {}),
        "responses": {
            "200": {
                "description": route.does,
                "content": {route.kind: {"schema": _schema(route)}},
            },
            "304": {"description": "The client has it already (`If-None-Match`)."},
            "400": _failure("A parameter is wrong; it says which."),
            "401": _failure("The token is missing or wrong."),
            "403": _failure("Without a token the agent is asked by a loopback address only."),
            **({"404": _failure(route.missing)} if route.missing else {}),
            "503": _failure("Nothing was judged yet, or the history cannot be read."),
        },
    }


def _schema(route: Route) -> dict[str, Any]:
    if route.kind != "application/json":
        return {"type": "string"}
    if not _is_struct(route.gives):
        return {"type": "object"}
    return {"$ref": _REFERENCE.format(name=route.gives.__name__)}


def _in_path(name: str) -> dict[str, Any]:
    says, schema = _NAMED[name]
    return {"name": name, "in": "path", "required": True, "description": says, "schema": schema}


def _in_query(shape: type[Struct]) -> Iterator[dict[str, Any]]:
    """Yield the parameters of a query, by the schema of its shape."""
    _, parts = msgspec.json.schema_components([shape], ref_template=_REFERENCE)
    schema = parts[shape.__name__]
    for name, said in schema["properties"].items():
        plain = {k: v for k, v in said.items() if not (k == "default" and v in (None, ""))}
        if types := [t for t in plain.get("anyOf", ()) if t != {"type": "null"}]:
            plain = types[0]
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": _ASKED[name],
            "schema": plain,
        }


def _last_event_id() -> dict[str, Any]:
    return {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "The id of the last event that was taken.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,16}$"},
    }


def _failure(says: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _REFERENCE.format(name="Error")}}}
    return {"description": says, "content": content}


def _error() -> dict[str, Any]:
    return {
        "title": "Error",
        "description": "Why it was not answered, and what to do.",
        "type": "object",
        "properties": {"error": {"type": "string"}},
        "required": ["error"],
    }


def _logs() -> dict[str, Any]:
    """Return the paths that take something: lines of a member's log."""
    return {
        f"{BASE}/logs/{{member}}": {"post": _taking(("member",))},
        f"{BASE}/clusters/{{cluster}}/logs/{{member}}": {"post": _taking(("cluster", "member"))},
    }


def _taking(named: Sequence[str]) -> dict[str, Any]:
    lines = {"schema": {"type": "string", "description": "Lines as etcd wrote them."}}
    return {
        "operationId": "-".join(("logs", *named)),
        "summary": "Takes lines of a member's log, as they are.",
        "parameters": [_in_path(name) for name in named],
        "requestBody": {
            "required": True,
            "content": {"application/x-ndjson": lines, "application/json": {"schema": {}}},
        },
        "responses": {
            "202": {
                "description": "How many lines were taken.",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {"taken": {"type": "integer"}},
                            "required": ["taken"],
                        }
                    }
                },
            },
            "401": _failure("The token is missing or wrong."),
            "403": _failure("Without a token the agent is asked by a loopback address only."),
            "409": _failure("That log is read elsewhere, or there are too many."),
            "413": _failure("It is more than a mebibyte."),
            "415": _failure("It is not said to be lines (`application/x-ndjson`)."),
        },
    }
