"""The doctor's report: checks with verdicts and remedies, limits with the size each allows."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tracer.analysis.doctor import Bound, Diagnosis, SizeAnswer
from tracer.host.checks import Check
from tracer.host.limits import WHAT, Limit
from tracer.report.layout import WIDTH, page, table
from tracer.units import plain, size

SCHEMA = "tracer.doctor/1"
#: Columns to the left of a check's value.
_LEFT = 30


def _check(check: Check, width: int) -> list[str]:
    head = f"{check.verdict:<8} {check.what:<{_LEFT - 9}}"
    texts = [check.value, check.why, f"remedy: {check.remedy}" if check.remedy else ""]
    right = [
        line
        for text in texts
        if text
        for line in textwrap.wrap(
            plain(text), max(width - _LEFT, 20), break_on_hyphens=False, break_long_words=False
        )
    ]
    return [(head if not n else " " * _LEFT) + line for n, line in enumerate(right)]


def _amount(limit: Limit, value: int) -> str:
    return size(value) if limit.resource.endswith("_bytes") else f"{value:,}"


def _limits(diagnosis: Diagnosis, width: int) -> list[str]:
    columns = ["limit", "of", "value", "left"]
    rows = [
        [limit.name, WHAT[limit.resource], _amount(limit, limit.value), _amount(limit, limit.left)]
        for limit in diagnosis.limits
    ]
    if diagnosis.size is not None:
        columns.append("most tasks")
        for row, limit in zip(rows, diagnosis.limits, strict=True):
            most = diagnosis.size.by_limit[limit.name]
            row.append("any number" if most is None else f"{most:,}")
    return [*table(rows, columns, 2, width), *diagnosis.remarks]


def _size(answer: SizeAnswer) -> list[str]:
    workload, tasks, bound = answer.request.workload, answer.request.tasks, answer.bound
    if bound is None:
        return [f"{workload}: no limit that can be seen here binds"]
    lines = [f"{workload}: {bound.tasks:,} tasks at most; {bound.limit} binds"]
    if answer.fits:
        return [*lines, f"{tasks:,} tasks fit"]
    return [
        *lines,
        f"{tasks:,} tasks do not fit. The limits that are too low, and what raises them:",
        *(f"  {name}: {remedy}" for name, remedy in answer.remedies.items()),
    ]


def _most_tasks(most: Mapping[str, Bound | None], width: int) -> list[str]:
    rows = [
        [name, bound.limit if bound else "", f"{bound.tasks:,}" if bound else "any"]
        for name, bound in most.items()
    ]
    return table(rows, ["workload", "bound by", "most tasks"], 2, width)


def render(diagnosis: Diagnosis, width: int = WIDTH) -> str:
    """The whole report, ending in a newline."""
    verdicts = [check.verdict for check in diagnosis.checks]
    problems, notes = verdicts.count("problem"), verdicts.count("note")
    return page(
        [
            [line for check in diagnosis.checks for line in _check(check, width)],
            _limits(diagnosis, width),
            _most_tasks(diagnosis.most_tasks, width)
            if diagnosis.size is None
            else _size(diagnosis.size),
            [f"problems: {problems}, notes: {notes}; nothing was changed"],
        ],
        width,
    )


def document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The same as JSON data, `tracer.doctor/1`."""
    return {
        "schema": SCHEMA,
        "facts": [_fact(check) for check in diagnosis.checks],
        "limits": [_limit(limit) for limit in diagnosis.limits],
        "remarks": list(diagnosis.remarks),
        "most_tasks": {
            name: asdict(bound) if bound else None for name, bound in diagnosis.most_tasks.items()
        },
        "request": None if diagnosis.size is None else _request(diagnosis.size),
    }


def _fact(check: Check) -> dict[str, str]:
    """A check under the document's names."""
    return {
        "what": check.what,
        "value": check.value,
        "verdict": check.verdict,
        "why": check.why,
        "cure": check.remedy,
    }


def _limit(limit: Limit) -> dict[str, Any]:
    """The same of a limit."""
    return {
        "resource": limit.resource,
        "name": limit.name,
        "value": limit.value,
        "left": limit.left,
        "cure": limit.remedy,
    }


def _request(answer: SizeAnswer) -> dict[str, Any]:
    return {
        "workload": answer.request.workload,
        "tasks": answer.request.tasks,
        "fits": answer.fits,
        "most_tasks": answer.bound.tasks if answer.bound else None,
        "binds": answer.bound.limit if answer.bound else None,
        "by_limit": dict(answer.by_limit),
        "cures": dict(answer.remedies),
    }
