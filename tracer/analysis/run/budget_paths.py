"""The numbers that a run's report can have: what a budget may name, known before the run.

They follow from the report's JSON schema. Names that a run brings (a system call, a thread, a CPU)
can be any.
"""

from __future__ import annotations

import difflib
import functools
import json
import operator
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracer import probes
from tracer.analysis.run.budget import Budget
from tracer.errors import TracerError
from tracer.model.syscalls import MACHINE, numbers

_SCHEMA = Path(__file__).with_name("schema.json")
#: The probe of a section that has another name.
_PROBE_OF = {"where": "stacks"}
#: Of the elements of a list, one of these is what a path calls them by.
_NAMES = {"name", "cpu"}
#: Null where system calls are not all seen.
_OF_CALLS = ("headline.io", "headline.user", "headline.system")

Node = Mapping[str, Any]


@dataclass(frozen=True)
class _Members:
    """What a path can name below a part of the schema; `others`: what any other name leads to."""

    named: Mapping[str, Node]
    others: Node | None


def require(
    budgets: Sequence[Budget], chosen: Collection[str], left_out: str = "", no_units: str = ""
) -> None:
    """TracerError (exit status 2) for a budget on what no report with these probes has.

    `left_out`: the option with which system calls are not all seen. `no_units`: what to type
    instead of a number per unit of work, where no units are counted.
    """
    for budget in budgets:
        _require_probe(budget.path, chosen, left_out)
        _require_path(budget.path)
        if no_units and budget.path.endswith("per_unit"):
            raise _refused(f"--budget {budget.path}: units of work are not counted here", no_units)


def _require_probe(path: str, chosen: Collection[str], left_out: str) -> None:
    if left_out and path in _OF_CALLS:
        raise _refused(
            f"--budget {path}: with {left_out} time on a CPU is not split", f"leave out {left_out}"
        )
    section = path.split(".")[0]
    probe = _PROBE_OF.get(section, section)
    if probe not in probes.names():
        return
    if probe not in chosen:
        raise _refused(
            f"--budget {path}: the report will not have {section!r}: the probe {probe} is off",
            f"add --probe +{probe}",
        )
    if left_out and (section == "syscalls" or probes.available()[probe].needs_calls):
        raise _refused(
            f"--budget {path}: with {left_out} the report has no {section!r}",
            f"leave out {left_out}",
        )


def _require_path(path: str) -> None:
    node: Node = _schema()
    walked: list[str] = []
    for name in path.split("."):
        members = _members(node)
        found = members.named.get(name, members.others)
        if walked == ["syscalls"]:
            _require_call(path, name)
        if found is None:
            where = ".".join(walked) or "the report"
            raise _refused(f"--budget {path}: {where} has no {name!r}", _choice(name, members))
        node = found
        walked.append(name)
    if not _is_number(node):
        raise _refused(f"--budget {path} is no number in a report", _choice("", _members(node)))


def _require_call(path: str, name: str) -> None:
    """TracerError unless it is a system call of this machine, or one that has no name."""
    known = numbers(MACHINE)
    if name not in known and not name.startswith("syscall_"):
        near = difflib.get_close_matches(name, known, 1)
        raise _refused(
            f"--budget {path}: there is no system call {name!r}",
            f"did you mean {near[0]!r}?" if near else "strace -c COMMAND names them",
        )


def _choice(name: str, members: _Members) -> str:
    """What to type instead of a name that is not there."""
    if not members.named:
        return "end the path before it" if name else "name a number; a shell completes them"
    near = difflib.get_close_matches(name, members.named, 1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"{guess}it has: {', '.join(members.named)}"


def _refused(message: str, hint: str) -> TracerError:
    return TracerError(message, hint, exit_code=2)


def paths(wanted: str) -> list[str]:
    """Every path of a number that begins with this text; those of single system calls only where
    it names their list."""
    return sorted(_leaves(_schema(), "", wanted))


def _leaves(node: Node, path: str, wanted: str) -> Iterator[str]:
    if _is_number(node):
        yield path
    members = _members(node)
    below = dict(members.named)
    if members.others is not None and path == "syscalls" and wanted.startswith("syscalls."):
        below |= dict.fromkeys(numbers(MACHINE), members.others)
    for name, part in below.items():
        longer = f"{path}.{name}" if path else name
        if longer.startswith(wanted) or wanted.startswith(f"{longer}."):
            yield from _leaves(part, longer, wanted)


@functools.cache
def _schema() -> Node:
    schema: Node = json.loads(_SCHEMA.read_text(errors="strict"))
    return schema


def _variants(node: Node) -> Iterator[Node]:
    """A part of the schema without references and alternatives."""
    if "$ref" in node:
        steps = node["$ref"].removeprefix("#/").split("/")
        yield from _variants(functools.reduce(operator.getitem, steps, _schema()))
        return
    alternatives = [*node.get("oneOf", ()), *node.get("anyOf", ())]
    if not alternatives:
        yield node
    for one in alternatives:
        yield from _variants(one)


def _members(node: Node) -> _Members:
    named: dict[str, Node] = {}
    others: Node | None = None
    for variant in _variants(node):
        named |= variant.get("properties", {})
        more, items = variant.get("additionalProperties"), variant.get("items")
        if isinstance(more, Mapping):
            names = variant.get("propertyNames", {}).get("enum")
            named |= dict.fromkeys(names or (), more)
            others = others if names else more
        if isinstance(items, Mapping) and _NAMES & set(_members(items).named):
            others = items
    return _Members(named, others)


def _is_number(node: Node) -> bool:
    kinds: set[str] = set()
    for variant in _variants(node):
        kind = variant.get("type", ())
        kinds |= {kind} if isinstance(kind, str) else set(kind)
    return bool(kinds & {"integer", "number"})
