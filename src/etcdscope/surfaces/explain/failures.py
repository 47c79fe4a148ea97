"""Pages of errors and of codes."""

import re

from etcdscope.model import errors
from etcdscope.model.errors import Code, KnownError
from etcdscope.surfaces.explain.causes import known
from etcdscope.surfaces.explain.page import Page

_WHOSE = {
    "server": "etcd's own trouble: worth finding out",
    "client": "the client's doing: the cluster is well",
    "usual": "normal traffic brings it: no sign of a fault",
}
_QUOTED = re.compile(r"\bcode = (\w+)")
# So many texts of a code stand on its page.
_MOST = 12


def error_page(said: str) -> Page | None:
    """Return the page of the error that a text quotes."""
    found = errors.in_text(said)
    return _error(found) if found else None


def code_page(said: str) -> Page | None:
    """Return the page of a gRPC code, by name or number."""
    found = errors.code(said)
    return _code(found) if found else None


def quoted_code_page(said: str) -> Page | None:
    """Return the page of the code that gRPC itself names: ``code = Unavailable desc = …``."""
    quoted = _QUOTED.search(said)
    return code_page(quoted[1]) if quoted else None


def by_number(said: str) -> Page | None:
    """Return the page of a v2 error by its number alone."""
    found = errors.by_number(int(said)) if said.isascii() and said.isdigit() else None
    return _error(found) if found else None


def _error(error: KnownError) -> Page:
    name = f"{error.number} {error.text}" if error.number else error.text
    return Page(
        name,
        "error",
        f"of {error.where}" if error.number is None else "of etcd's v2 API",
        error.means,
        {title: text for title, text in _facts(error).items() if text},
        runbook=error.todo,
        because=error.because,
        isnt=error.isnt,
        causes=known(error.causes),
    )


def _facts(error: KnownError) -> dict[str, str]:
    code = errors.BY_NAME.get(error.code)
    own = code is not None and error.where == "etcd"
    whose = _WHOSE["usual"] if error.usual else _WHOSE[code.whose] if own and code else ""
    was = f"; {error.was} in older releases" if error.was else ""
    return {
        "gRPC code": f"{error.code} ({code.number}){was}" if code else "",
        "HTTP": str(error.http or ""),
        "Given by": ", ".join(error.calls),
        "Whose": whose,
        "etcd": f"since {'.'.join(map(str, error.first[:2]))}" if error.first else "",
    }


def _code(code: Code) -> Page:
    texts = [error.text for error in errors.by_code(code.name)]
    more = f" and {len(texts) - _MOST} more" if len(texts) > _MOST else ""
    facts = {
        "Number": str(code.number),
        "In metrics": f'grpc_server_handled_total{{grpc_code="{code.metric}"}}',
        "Whose": _WHOSE[code.whose],
        "Says": "; ".join(text.removeprefix("etcdserver: ") for text in texts[:_MOST]) + more,
    }
    return Page(
        code.name,
        "code",
        "gRPC",
        code.means,
        {title: text for title, text in facts.items() if text},
        runbook=code.todo,
        because=code.because,
        isnt=code.isnt,
        used_by=known(("errors-rising",)) if code.whose != "usual" else (),
    )
