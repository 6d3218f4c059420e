"""Documents that a page is made of: whole, large, and with hostile names."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from harness.summarized import planted_summaries
from tracer.analysis.run.document import document
from tracer.report.html.views import page_of

#: Names that would do harm as markup, would turn a line round, or are as long as paths can be.
HOSTILE = (
    "<script>window.hit = 1</script>",
    '"><img src=x onerror="window.hit = 1">',
    "</script><script>window.hit = 1</script>",
    "\u202eabc\u200f\u05d0\u05d1",
    "{{scripts}}",
    "x" * 4096,
    "\x1b[31m\x00\ud800",
)


def planted(kind: str = "profiled") -> dict[str, Any]:
    """The document of a planted run."""
    return document(planted_summaries()[kind])


def live_page(kind: str = "profiled") -> str:
    """The page of a planted run, with its stacks and tables."""
    run = planted_summaries()[kind]
    return page_of([document(run)], [{"where": run.where, "sections": run.sections}])


def with_names(data: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The same with one row for each name wherever the target chooses a text."""
    data = copy.deepcopy(data)

    def rows(members: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
        return [{**one, **dict.fromkeys(keys, name)} for one in members[:1] for name in names]

    data["thread_groups"] = rows(data["thread_groups"], "name")
    data["threads"] = rows(data["threads"], "name")
    data["syscalls"] = rows(data["syscalls"], "name")
    places = data["where"]["places"]
    data["where"]["places"] = rows(places, "function", "called", "file", "module")
    data["target"].update(name=names[0], argv=list(names))
    data["command_line"]["rest"] = " ".join(names)
    data["host"]["fingerprint"] = dict(zip("abcdefghijkl", names, strict=False))
    data["findings"] = [
        {"sentence": name, "evidence": name, "next": name, "share": 0.5} for name in names
    ]
    return data


def with_threads(data: dict[str, Any], number: int) -> dict[str, Any]:
    """The same with so many threads in its tables, each with other figures."""
    data = copy.deepcopy(data)
    row = data["threads"][0]
    data["threads"] = [
        {**row, "tid": n, "name": f"worker-{n}", "parts": {**row["parts"], "user": 1000 * n}}
        for n in range(1, number + 1)
    ]
    return data
