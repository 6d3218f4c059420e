"""The doctor's report: facts with verdicts and cures, limits with the size that each allows."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tracer.host.checks import Fact
from tracer.host.limits import WHAT, Limit, binding, most_tasks
from tracer.report.layout import WIDTH, fit, table
from tracer.units import plain, size
from workloads import Needs

SCHEMA = "tracer.doctor/1"
_LEFT = 30


@dataclass(frozen=True)
class Request:
    """A size that somebody wants to run: a workload's name, its needs, the number of tasks."""

    workload: str
    needs: Needs
    tasks: int


def fits(request: Request, limits: Sequence[Limit]) -> bool:
    """True when no limit that can be seen forbids it."""
    found = binding(request.needs, limits)
    return found is None or found[0] >= request.tasks


def _fact(fact: Fact, width: int) -> list[str]:
    head = f"{fact.verdict:<8} {fact.what:<{_LEFT - 9}}"
    rest = [plain(text) for text in (fact.why, f"cure: {fact.cure}" if fact.cure else "") if text]
    lines = []
    for text in [plain(fact.value), *rest]:
        lines += textwrap.wrap(text, max(width - _LEFT, 20), break_on_hyphens=False,
                               break_long_words=False)  # fmt: skip
    return [(head if not n else " " * _LEFT) + line for n, line in enumerate(lines)]


def _amount(limit: Limit, value: int) -> str:
    return size(value) if limit.resource.endswith("_bytes") else f"{value:,}"


def _limits(limits: Sequence[Limit], request: Request | None, width: int) -> list[str]:
    rows = []
    for limit in limits:
        row = [limit.name, WHAT[limit.resource], _amount(limit, limit.value),
               _amount(limit, limit.left)]  # fmt: skip
        if request is not None:
            most = most_tasks(request.needs, limit)
            row.append("any number" if most is None else f"{most:,}")
        rows.append(row)
    columns = ["limit", "of", "value", "left"] + ["most tasks"] * (request is not None)
    return table(rows, columns, 2, width)


def _verdict(request: Request, limits: Sequence[Limit]) -> list[str]:
    found = binding(request.needs, limits)
    if found is None:
        return [f"{request.workload}: no limit that can be seen here binds"]
    most, limit = found
    lines = [f"{request.workload}: {most:,} tasks at most; {limit.name} binds"]
    if most >= request.tasks:
        return [*lines, f"{request.tasks:,} tasks fit"]
    lines.append(f"{request.tasks:,} tasks do not fit. What is too low, and what raises it:")
    return [*lines, *(f"  {name}: {cure}" for name, cure in cures(request, limits))]


def cures(request: Request, limits: Sequence[Limit]) -> list[tuple[str, str]]:
    """Every limit that forbids the size, the one that binds first, with the command."""
    found = []
    for limit in limits:
        most = most_tasks(request.needs, limit)
        if most is not None and most < request.tasks:
            per_task, fixed = getattr(request.needs, limit.resource)
            cure = limit.raised_to(per_task * request.tasks + fixed)
            found.append((most, limit.name, cure))
    return [(name, cure) for _most, name, cure in sorted(found)]


def _most(needs: Mapping[str, Needs], limits: Sequence[Limit], width: int) -> list[str]:
    rows = []
    for name, taken in needs.items():
        found = binding(taken, limits)
        rows.append([name, found[1].name if found else "", f"{found[0]:,}" if found else "any"])
    return table(rows, ["workload", "bound by", "most tasks"], 2, width)


def render(
    facts: Sequence[Fact],
    limits: Sequence[Limit],
    remarks: Sequence[str],
    needs: Mapping[str, Needs],
    request: Request | None = None,
    width: int = WIDTH,
) -> str:
    """The whole report; `needs` are those of all workloads, shown when there is no request."""
    lines = [line for fact in facts for line in _fact(fact, width)]
    lines += ["", *_limits(limits, request, width), *remarks, ""]
    lines += _most(needs, limits, width) if request is None else _verdict(request, limits)
    counts = {v: sum(f.verdict == v for f in facts) for v in ("problem", "note")}
    lines += ["", f"problems: {counts['problem']}, notes: {counts['note']}; nothing was changed"]
    return "\n".join(piece for line in lines for piece in fit(line, width)) + "\n"


def document(
    facts: Sequence[Fact],
    limits: Sequence[Limit],
    remarks: Sequence[str],
    needs: Mapping[str, Needs],
    request: Request | None = None,
) -> dict[str, Any]:
    """The same as JSON data, `tracer.doctor/1`."""
    most = {name: binding(taken, limits) for name, taken in needs.items()}
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "facts": [asdict(fact) for fact in facts],
        "limits": [asdict(limit) for limit in limits],
        "remarks": list(remarks),
        "most_tasks": {
            name: None if pair is None else {"tasks": pair[0], "limit": pair[1].name}
            for name, pair in most.items()
        },
        "request": None,
    }
    if request is not None:
        bound = binding(request.needs, limits)
        found["request"] = {
            "workload": request.workload,
            "tasks": request.tasks,
            "fits": fits(request, limits),
            "most_tasks": bound[0] if bound else None,
            "binds": bound[1].name if bound else None,
            "by_limit": {limit.name: most_tasks(request.needs, limit) for limit in limits},
            "cures": dict(cures(request, limits)),
        }
    return found
