"""What things mean: manual pages, the catalogue of causes, and what was measured of etcdscope."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from etcdscope.detect.catalog import DETECTORS
from etcdscope.model.contract import StepObject
from etcdscope.surfaces.explain import Page, alike, contents, explain
from etcdscope.surfaces.web.answers import Refusal
from etcdscope.surfaces.web.routes import Call, NoQuery, Route

# Beside the package in a checkout, inside it in a wheel.
_BENCHMARKS: Final = (
    Path(__file__).parents[4] / "docs" / "benchmarks.md",
    Path(__file__).with_name("benchmarks.md"),
)


class ExplainQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``q``: a cause, a signal, a metric, an error of etcd, a word, or a whole log line."""

    # A line of HTTP takes 8190 bytes, and a character up to twelve of them.
    q: Annotated[str, Meta(min_length=1, max_length=600)]


class PageObject(Struct, frozen=True, kw_only=True):
    """One manual page. ``because``: reasons, the likeliest first; ``see``: what else to look at."""

    name: str
    kind: str
    family: str
    says: str
    facts: dict[str, str]
    impact: str
    runbook: tuple[StepObject, ...]
    explains: tuple[str, ...]
    explained_by: tuple[str, ...]
    needs: tuple[str, ...]
    used_by: tuple[str, ...]
    because: tuple[str, ...]
    isnt: str
    causes: tuple[str, ...]
    see: tuple[str, ...]


class CauseObject(Struct, frozen=True, kw_only=True):
    """One cause of the catalogue. ``limits``: by name, as they stand without a configuration."""

    id: str
    family: str
    summary: str
    planned: bool
    limits: dict[str, float]
    impact: str


class CatalogueObject(Struct, frozen=True, kw_only=True):
    """All causes that can be named."""

    causes: tuple[CauseObject, ...]


class BenchmarksObject(Struct, frozen=True, kw_only=True):
    """What was measured, in Markdown."""

    markdown: str


async def _explain(call: Call[ExplainQuery]) -> PageObject:
    page = explain(call.query.q)
    if page is None:
        near = ", ".join(alike(call.query.q[:100]))
        raise Refusal(404, f"Nothing is known of that; perhaps you mean {near}." if near else
                      "Nothing is known of that.")  # fmt: skip
    return _object(page)


def _object(page: Page) -> PageObject:
    return PageObject(
        name=page.name,
        kind=page.kind,
        family=page.family,
        says=page.says,
        facts=dict(page.facts),
        impact=page.impact,
        runbook=tuple(StepObject(say=s.say, run=s.run or None) for s in page.runbook),
        explains=page.explains,
        explained_by=page.explained_by,
        needs=page.needs,
        used_by=page.used_by,
        because=page.because,
        isnt=page.isnt,
        causes=page.causes,
        see=page.see,
    )


async def _catalogue(_: Call[NoQuery]) -> CatalogueObject:
    says = {ident: (family, summary) for family, ident, summary in contents()}
    return CatalogueObject(
        causes=tuple(
            CauseObject(
                id=d.id,
                family=says[d.id][0],
                summary=says[d.id][1],
                planned=d.planned,
                limits=dict(d.limits.values),
                impact=d.impact,
            )
            for d in DETECTORS
        )
    )


def _read() -> str:
    found = next((path for path in _BENCHMARKS if path.is_file()), None)
    return found.read_text() if found else ""


def routes() -> Iterator[Route]:
    """Yield the routes of what is known beforehand."""
    measured = _read()

    async def benchmarks(_: Call[NoQuery]) -> BenchmarksObject:
        if not measured:
            raise Refusal(404, "The measurements are not shipped with this build.")
        return BenchmarksObject(markdown=measured)

    yield Route(
        "/explain",
        "What a cause, a signal, a metric, an error or a word of etcd means.",
        _explain,
        PageObject,
        ExplainQuery,
        missing="Nothing is known of that.",
    )
    yield Route("/catalogue", "All causes that can be named.", _catalogue, CatalogueObject)
    yield Route(
        "/benchmarks",
        "What was measured of etcdscope, in Markdown.",
        benchmarks,
        BenchmarksObject,
        missing="The measurements are not shipped with this build.",
    )
