"""Budgets: limits on numbers of a document, kept, broken, malformed, and leading nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from tracer.analysis.run import budget
from tracer.errors import TracerError

DOCUMENT: dict[str, Any] = {
    "window_ns": 410_000,
    "partial": False,
    "sched": {"switches": {"per_unit": 2.0}, "wakeups": {}, "migrations": 3},
    "syscalls": [
        {"name": "recvfrom", "calls": 200, "errors": {"EAGAIN": 100}},
        {"name": "sendto", "calls": 100, "errors": {}},
    ],
    "idle": {"cpus": [{"cpu": 0, "ipis": 5}, {"cpu": 1, "ipis": 7}]},
    "headline": {"io": None},
    "ledgers": {"wall": {"parts": {"wakeup:idle": 300_000}}},
}


@pytest.mark.parametrize(
    ("text", "path", "sign", "limit"),
    [
        ("a.b<=1.05", "a.b", "<=", 1.05),
        (" a > -2e3 ", "a", ">", -2000.0),
        ("a==.5", "a", "==", 0.5),
        ("a<5.", "a", "<", 5.0),
        ("wakeup:idle>=+1e-2", "wakeup:idle", ">=", 0.01),
    ],
)
def test_a_budget_is_a_path_a_comparison_and_a_number(
    text: str, path: str, sign: str, limit: float
) -> None:
    assert budget.parse(text) == budget.Budget(text, path, sign, limit)


@pytest.mark.parametrize("text", ["", "a", "a<=", "<=1", "a=1", "a<=b", "a<=1..2", "a<=.", "a<=1e"])
def test_what_is_not_a_budget_is_refused(text: str) -> None:
    with pytest.raises(TracerError, match="is not of the form PATH<=NUMBER") as refusal:
        budget.parse(text)
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("sched.switches.per_unit<=2.0", None),
        ("sched.switches.per_unit < 2", "sched.switches.per_unit is 2"),
        ("syscalls.recvfrom.errors.EAGAIN==100", None),
        ("syscalls.sendto.calls>100", "syscalls.sendto.calls is 100"),
        ("idle.cpus.1.ipis==7", None),
        ("syscalls.fsync.calls<=0", None),
        ("syscalls.fsync.calls>=1", "syscalls.fsync.calls is 0"),
        ("ledgers.wall.parts.wakeup:idle>=1e5", None),
        ("ledgers.wall.parts.wakeup:idle>3e5", "ledgers.wall.parts.wakeup:idle is 300000"),
    ],
)
def test_a_broken_budget_has_a_line(text: str, line: str | None) -> None:
    expected = [] if line is None else [f"budget broken: {line}, {text}"]
    assert budget.broken([budget.parse(text)], DOCUMENT) == expected


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("sched.swtches", "sched has no 'swtches'", "it has: switches, wakeups, migrations"),
        ("syscalls.sendto.cals", "syscalls.sendto has no 'cals'", "it has: name, calls, errors"),
        ("nothing", "the report has no 'nothing'", f"it has: {', '.join(DOCUMENT)}"),
        ("sched", f"is not a number in this report: {DOCUMENT['sched']!r:.60}",
         "name one of its members"),
        ("partial", "is not a number in this report: False", "name one of its members"),
        ("headline.io", "is not known in this report: null",
         "a probe or an option left it out: --probe, --light, --sample"),
        ("window_ns.more", "window_ns has no 'more'", "its probe may be off, see --probe"),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_refused(path: str, message: str, hint: str) -> None:
    with pytest.raises(TracerError) as refusal:
        budget.broken([budget.parse(f"{path}<=1")], DOCUMENT)
    assert refusal.value.message.endswith(message)
    assert (refusal.value.hint, refusal.value.exit_code) == (hint, 2)
