"""Placements of this machine, from one CPU up: where two threads can be to each other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SYS = Path("/sys/devices/system/cpu")
#: A core is of the slower kind when its capacity is below this share of the fastest one's.
_SLOWER = 0.9


@dataclass(frozen=True)
class Cpu:
    """Where one CPU is; `capacity` as the scheduler sees it (1024: the fastest kind)."""

    number: int
    core: str
    cache: str
    node: str
    capacity: int


@dataclass(frozen=True)
class Rung:
    """A placement, or why this machine has none of the kind."""

    name: str
    cpus: tuple[int, ...]
    why_not: str = ""


def _line(path: Path, missing: str = "") -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return missing


def read_cpus(allowed: Iterable[int], base: Path = _SYS) -> list[Cpu]:
    """The CPUs that this process may use, from sysfs."""
    found = []
    for number in sorted(allowed):
        cpu = base / f"cpu{number}"
        levels = sorted((cpu / "cache").glob("index[0-9]*"), key=lambda p: _line(p / "level", "0"))
        nodes = sorted(path.name for path in cpu.glob("node[0-9]*"))
        capacity = _line(cpu / "cpu_capacity") or _line(cpu / "acpi_cppc" / "highest_perf")
        found.append(
            Cpu(
                number,
                _line(cpu / "topology" / "thread_siblings_list", str(number)),
                _line(levels[-1] / "shared_cpu_list") if levels else "",
                nodes[0] if nodes else "node0",
                int(capacity) if capacity.isdigit() else 0,
            )
        )
    return found


def _pair(cpus: list[Cpu], same: Mapping[str, bool]) -> tuple[int, ...]:
    """Two CPUs that share (True) or do not share (False) each of these; () when there are none."""
    for first in cpus:
        for second in cpus:
            if first.number < second.number and all(
                (getattr(first, what) == getattr(second, what)) == wanted
                for what, wanted in same.items()
            ):
                return first.number, second.number
    return ()


def ladder(cpus: list[Cpu]) -> list[Rung]:
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
    rungs = [Rung("one CPU", fast[-1:])]
    for name, same, why in pairs:
        pair = _pair(cpus, same)
        if pair == every:
            rungs.append(Rung(name, (), "the same as free to move: there are no other CPUs"))
        else:
            rungs.append(Rung(name, pair, "" if pair else why))
    why = "all cores here are of one kind"
    rungs.append(Rung("performance cores", fast if slow else (), "" if slow else why))
    rungs.append(Rung("efficiency cores", slow, "" if slow else why))
    return rungs


def here() -> list[Rung]:
    """The ladder of this machine."""
    return ladder(read_cpus(os.sched_getaffinity(0)))
