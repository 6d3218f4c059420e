"""Budgets: limits on numbers of a report's JSON document, for continuous integration.

`sched.switches.per_unit<=1.05`: a path of names, a comparison, a number. In a list the name picks
the element whose `name` (or `cpu`) is that: `syscalls.recvfrom.per_unit<=2.01`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.errors import TracerError

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_FORM = re.compile(
    r"\s*([^<>=\s]+)\s*(<=|>=|==|<|>)\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?)\s*"
)


@dataclass(frozen=True)
class Budget:
    """One limit."""

    text: str
    path: str
    sign: str
    limit: float

    def is_kept(self, value: float) -> bool:
        return _OPERATORS[self.sign](value, self.limit)


def parse(text: str) -> Budget:
    """TracerError (exit status 2) when the text is not a budget."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise TracerError(
            f"--budget {text!r} is not of the form PATH<=NUMBER",
            'for example: --budget "sched.switches.per_unit<=1.05"',
            exit_code=2,
        )
    return Budget(text, path=match[1], sign=match[2], limit=float(match[3]))


def value_at(document: Mapping[str, Any], path: str) -> float:
    """The number at a path, 0 of a system call that was not made; TracerError (exit status 2) when
    there is none."""
    value: Any = document
    walked: list[str] = []
    for name in path.split("."):
        members = _members(value)
        if name not in members and walked == ["syscalls"] and isinstance(value, list):
            return 0.0  # every call that was made is listed
        if name not in members:
            where = ".".join(walked) or "the report"
            raise TracerError(
                f"--budget {path}: {where} has no {name!r}",
                f"it has: {', '.join(members)}" if members else "its probe may be off, see --probe",
                exit_code=2,
            )
        value = members[name]
        walked.append(name)
    if value is None:
        raise TracerError(f"--budget {path} is not known in this report: null",
                          "a probe or an option left it out: --probe, --light, --sample",
                          exit_code=2)  # fmt: skip
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TracerError(f"--budget {path} is not a number in this report: {value!r:.60}",
                          "name one of its members", exit_code=2)  # fmt: skip
    return float(value)


def _members(value: Any) -> dict[str, Any]:
    """What a path can name next; nothing below a number, a text or null."""
    if isinstance(value, Mapping):
        return {str(name): member for name, member in value.items()}
    if isinstance(value, list):
        return {str(e.get("name", e.get("cpu"))): e for e in value if isinstance(e, Mapping)}
    return {}


def broken(budgets: Sequence[Budget], document: Mapping[str, Any]) -> list[str]:
    """A line for each budget that is broken."""
    values = [(budget, value_at(document, budget.path)) for budget in budgets]
    return [
        f"budget broken: {budget.path} is {value:g}, {budget.text.strip()}"
        for budget, value in values
        if not budget.is_kept(value)
    ]
