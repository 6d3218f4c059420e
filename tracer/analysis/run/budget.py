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
_FORM = re.compile(r"\s*([^<>=\s]+)\s*(<=|>=|==|<|>)\s*([-+]?[0-9.]+(?:e[-+]?\d+)?)\s*")


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
    """TracerError (exit status 2) when the text is no budget."""
    match = _FORM.fullmatch(text)
    try:
        return Budget(text, match[1], match[2], float(match[3]))  # type: ignore[index]
    except (TypeError, ValueError):
        raise TracerError(
            f"--budget {text!r} is not of the form PATH<=NUMBER",
            'for example: --budget "sched.switches.per_unit<=1.05"',
            exit_code=2,
        ) from None


def value_at(document: Mapping[str, Any], path: str) -> float:
    """The number at a path; TracerError (exit status 2) when there is none."""
    found: Any = document
    done: list[str] = []
    for name in path.split("."):
        known: dict[str, Any] = {}
        if isinstance(found, Mapping):
            known = {str(key): value for key, value in found.items()}
        elif isinstance(found, list):
            known = {str(e.get("name", e.get("cpu"))): e for e in found if isinstance(e, Mapping)}
        if name not in known:
            where = ".".join(done) or "the report"
            raise TracerError(
                f"--budget {path}: {where} has no {name!r}",
                f"it has: {', '.join(known)}" if known else "its probe may be off, see --probe",
                exit_code=2,
            )
        found = known[name]
        done.append(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TracerError(f"--budget {path} is not a number in this report: {found!r:.60}",
                          "name one of its members", exit_code=2)  # fmt: skip
    return float(found)


def broken(budgets: Sequence[Budget], document: Mapping[str, Any]) -> list[str]:
    """A line for each budget that is broken."""
    found = []
    for budget in budgets:
        value = value_at(document, budget.path)
        if not budget.is_kept(value):
            found.append(f"budget broken: {budget.path} is {value:g}, {budget.text.strip()}")
    return found
