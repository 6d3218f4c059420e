"""The page of any report of tracer's, by the schema of its document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from tracer.analysis.run.saved import SCHEMA as RUN
from tracer.report.brigades import SCHEMA as BRIGADES
from tracer.report.compare import SCHEMA as COMPARE
from tracer.report.fleet import SCHEMA as FLEET
from tracer.report.hops_evidence import SCHEMA as HOPS
from tracer.report.html import (
    brigades,
    compare,
    fleet,
    hops,
    intervals,
    memory,
    pinning,
    run,
    sweep,
    why,
)
from tracer.report.html.page import page
from tracer.report.memory import SCHEMA as MEMORY
from tracer.report.pinning import SCHEMA as EXPLAIN
from tracer.report.sweep import SCHEMA as SWEEP
from tracer.report.why import SCHEMA as WHY

Document = Mapping[str, Any]
View = dict[str, Any]

#: What makes the view of a document, by its schema.
_VIEWS: dict[str, Callable[..., View]] = {
    RUN: run.view,
    BRIGADES: brigades.view,
    COMPARE: compare.view,
    EXPLAIN: pinning.view,
    FLEET: fleet.view,
    HOPS: hops.view,
    MEMORY: memory.view,
    SWEEP: sweep.view,
    WHY: why.view,
}


def schemas() -> frozenset[str]:
    """The schemas that have a page."""
    return frozenset(_VIEWS)


def page_of(
    documents: Sequence[Document], more: Sequence[Mapping[str, Any]] = (), dropped: int = 0
) -> str:
    """One document (of many hosts: with that of each host), or those of the intervals of one
    `attach --interval`, of which `dropped` earlier ones are not shown. `more`: of each what is not
    in the document, by the names of `run.view`'s parameters. KeyError, TypeError or ValueError for
    a document that does not follow its schema."""
    views = _views(documents, more)
    first = next(views)
    title = first["title"]
    if documents[0]["schema"] == FLEET:
        own = [host for host in documents[0]["hosts"] if host["document"]]
        hosts = ({**_view(host["document"]), "label": host["name"]} for host in own)
        return page(title, chain([first], hosts), documents, total=1 + len(own))
    if len(documents) == 1:
        return page(title, [first], documents)
    over_time = intervals.view(documents, title, dropped)
    labelled = (
        {**view, "label": str(number)}
        for number, view in enumerate(chain([first], views), dropped + 1)
    )
    return page(title, chain([over_time], labelled), documents, total=1 + len(documents))


def _views(documents: Sequence[Document], more: Sequence[Mapping[str, Any]]) -> Iterator[View]:
    """Made as they are asked for: a page may have no room for all."""
    for number, document in enumerate(documents):
        rest = more[number] if number < len(more) else {}
        yield _view(document, **rest)


def _view(document: Document, **rest: Any) -> View:
    return _VIEWS[document["schema"]](document, **rest)
