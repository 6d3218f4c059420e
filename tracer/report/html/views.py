"""The page of any report of tracer's, by the schema of its document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tracer.analysis.run.saved import SCHEMA as RUN
from tracer.report.html import intervals, run
from tracer.report.html.page import page

Document = Mapping[str, Any]
View = dict[str, Any]

#: What makes the view of a document, by its schema.
_VIEWS: dict[str, Callable[..., View]] = {RUN: run.view}


def schemas() -> frozenset[str]:
    """The schemas that have a page."""
    return frozenset(_VIEWS)


def page_of(
    documents: Sequence[Document], more: Sequence[Mapping[str, Any]] = (), dropped: int = 0
) -> str:
    """One document, or those of the intervals of one `attach --interval`, of which `dropped`
    earlier ones are not shown. `more`: of each what is not in the document, by the names of
    `run.view`'s parameters. KeyError, TypeError or ValueError for a document that does not follow
    its schema."""
    kept = [more[n] if n < len(more) else {} for n in range(len(documents))]
    views = [_VIEWS[one["schema"]](one, **rest) for one, rest in zip(documents, kept, strict=True)]
    title = views[0]["title"]
    if len(documents) > 1:
        for number, view in enumerate(views, dropped + 1):
            view["label"] = f"{number}"
        views.insert(0, intervals.view(documents, title, dropped))
    return page(title, views, documents)
