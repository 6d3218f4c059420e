"""Placements of this machine, from one CPU up: what two threads on it can share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from tracer.analysis.pinning.conditions import PINNED, with_cpus
from tracer.host.cpus import Cpu, read_cpus

#: A core is of the slower kind when its capacity is below this share of the fastest one's.
_SLOWER = 0.9
_CACHES_UNKNOWN = "the kernel does not say which CPUs here share a cache"


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
    unknown = "" if all(cpu.cache for cpu in cpus) else _CACHES_UNKNOWN
    pairs = (
        ("SMT siblings", {"core": True}, "no core has two hardware threads that may be used here"),
        ("two CPUs of one last-level cache", {"core": False, "cache": True},
         unknown or "no two cores that may be used here share a last-level cache"),
        ("two last-level caches", {"cache": False, "node": True}, unknown or _why_one_cache(cpus)),
        ("two nodes", {"node": False}, "all CPUs that may be used here are of one node"),
    )  # fmt: skip
    fastest = max((cpu.capacity for cpu in cpus), default=0)
    slow = tuple(cpu.number for cpu in cpus if cpu.capacity < _SLOWER * fastest)
    fast = tuple(number for number in every if number not in slow)
    # a slow core would mix its speed into what pinning does
    kinds = [Placement(PINNED, fast[-1:])]
    for name, same, why in pairs:
        pair = () if unknown and "cache" in same else _pair(cpus, same)
        if pair == every:
            kinds.append(
                Placement(name, (), "the same as free to move: no other CPUs may be used here")
            )
        else:
            kinds.append(Placement(name, pair, "" if pair else why))
    why = "all cores that may be used here are of one kind"
    kinds.append(Placement("performance cores", fast if slow else (), "" if slow else why))
    kinds.append(Placement("efficiency cores", slow, "" if slow else why))
    return kinds


def _why_one_cache(cpus: list[Cpu]) -> str:
    """Why no two CPUs of one node have different last-level caches."""
    if len({cpu.cache for cpu in cpus}) == 1:
        return "all CPUs that may be used here share one last-level cache"
    return "no node has two last-level caches that may be used here"


def rungs(cpus: list[Cpu]) -> list[Placement]:
    """On 2, 4, 8, ... CPUs, fewer than all: each holds the one before it, and the pinned CPU."""
    order = _nearest_first(cpus)
    counts = (2**power for power in range(1, len(cpus).bit_length()))
    return [
        Placement(with_cpus(count), tuple(sorted(order[:count])))
        for count in counts
        if count < len(cpus)
    ]


def _nearest_first(cpus: list[Cpu]) -> list[int]:
    """From the pinned CPU on, each CPU as near as possible to those before it: the fast ones first,
    then those of the same node and last-level cache, there one hardware thread of each core before
    its sibling."""
    fastest = max((cpu.capacity for cpu in cpus), default=0)
    chosen: list[Cpu] = []
    left = sorted(cpus, key=lambda cpu: -cpu.number)
    while left:
        known = {what: {getattr(cpu, what) for cpu in chosen} for what in ("node", "cache", "core")}
        nearest = min(
            left,
            key=lambda cpu: (
                cpu.capacity < _SLOWER * fastest,
                cpu.node not in known["node"],
                cpu.cache not in known["cache"],
                cpu.core in known["core"],
            ),
        )
        chosen.append(nearest)
        left.remove(nearest)
    return [cpu.number for cpu in chosen]


def here() -> list[Placement]:
    """The placements of this machine, and the numbers of CPUs between one and all."""
    cpus = read_cpus(os.sched_getaffinity(0))
    return [*placements(cpus), *rungs(cpus)]
