"""Placements of this machine, from one CPU up: what two threads on it can share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from tracer.analysis.pinning.conditions import PINNED
from tracer.host.cpus import Cpu, read_cpus

#: A core is of the slower kind when its capacity is below this share of the fastest one's.
_SLOWER = 0.9


@dataclass(frozen=True)
class Placement:
    """Some CPUs, or why this machine has no such placement."""

    name: str
    cpus: tuple[int, ...]
    why_not: str = ""


def _pair(cpus: list[Cpu], same: Mapping[str, bool]) -> tuple[int, ...]:
    """Two CPUs that share (True) or do not share (False) each of these; () when there are none."""
    for first in cpus:
        for second in cpus:
            if first.number < second.number and all(
                (getattr(first, what) == getattr(second, what)) == is_shared
                for what, is_shared in same.items()
            ):
                return first.number, second.number
    return ()


def placements(cpus: list[Cpu]) -> list[Placement]:
    """Every kind of placement with its CPUs, or with the reason why it cannot be tested here."""
    every = tuple(cpu.number for cpu in cpus)
    pairs = (
        ("SMT siblings", {"core": True}, "no core here has two hardware threads"),
        ("two CPUs of one last-level cache", {"core": False, "cache": True},
         "no two cores here share a last-level cache"),
        ("two last-level caches", {"cache": False, "node": True},
         "all CPUs here share one last-level cache"),
        ("two nodes", {"node": False}, "all CPUs here are of one node"),
    )  # fmt: skip
    fastest = max((cpu.capacity for cpu in cpus), default=0)
    slow = tuple(cpu.number for cpu in cpus if cpu.capacity < _SLOWER * fastest)
    fast = tuple(number for number in every if number not in slow)
    # a slow core would mix its speed into what pinning does
    kinds = [Placement(PINNED, fast[-1:])]
    for name, same, why in pairs:
        pair = _pair(cpus, same)
        if pair == every:
            kinds.append(Placement(name, (), "the same as free to move: there are no other CPUs"))
        else:
            kinds.append(Placement(name, pair, "" if pair else why))
    why = "all cores here are of one kind"
    kinds.append(Placement("performance cores", fast if slow else (), "" if slow else why))
    kinds.append(Placement("efficiency cores", slow, "" if slow else why))
    return kinds


def here() -> list[Placement]:
    """The placements of this machine."""
    return placements(read_cpus(os.sched_getaffinity(0)))
