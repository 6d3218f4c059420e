"""CPUs: lists of them (`1`, `1-3,5`, `physical`), and where each one is."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tracer.errors import TracerError
from tracer.host.files import line_of, text_of

_SYS = Path("/sys/devices/system/cpu")


def online_cpus() -> tuple[int, ...]:
    """CPUs that are online, from sysfs."""
    return cpu_numbers(text_of(_SYS / "online"))


def halt_instruction() -> str:
    """With which a CPU that has no idle driver sleeps on this machine."""
    return "WFI" if platform.machine() == "aarch64" else "HLT"


def idle_states(cpu: int, base: Path = _SYS) -> dict[int, str]:
    """Names of a CPU's idle states by number, in their order; empty without an idle driver."""
    files = (base / f"cpu{cpu}" / "cpuidle").glob("state[0-9]*/name")
    return dict(sorted((int(file.parent.name[5:]), line_of(file)) for file in files))


def cpu_numbers(text: str) -> tuple[int, ...]:
    """The numbers of a list such as `0-3,8`; ValueError when malformed."""
    found: set[int] = set()
    for item in text.strip().split(","):
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", item.strip())
        if not match:
            raise ValueError(item)
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(item)
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def isolated_cpus(base: Path | None = None) -> tuple[int, ...]:
    """CPUs that the scheduler leaves alone (isolcpus); () where there are none."""
    text = line_of((base or _SYS) / "isolated")
    return cpu_numbers(text) if text else ()


def _physical(cpus: tuple[int, ...]) -> tuple[int, ...]:
    """The first hardware thread of each core."""
    siblings = [_SYS / f"cpu{n}/topology/thread_siblings_list" for n in cpus]
    cores = [
        set(cpu_numbers(text_of(path))) if path.exists() else {cpu}
        for cpu, path in zip(cpus, siblings, strict=True)
    ]
    return tuple(
        cpu for cpu, core in zip(cpus, cores, strict=True) if cpu == min(core.intersection(cpus))
    )


def parse_cpus(text: str) -> tuple[int, ...]:
    """The CPUs a user named; TracerError (exit status 2) when they cannot be used.

    Isolated CPUs (isolcpus) are outside the affinity that every process begins with, and who names
    them wants them.
    """
    affinity = os.sched_getaffinity(0)
    if text == "physical":
        return _physical(tuple(sorted(affinity)))
    allowed = tuple(sorted(affinity.union(isolated_cpus())))
    here = ",".join(map(str, online_cpus()))
    try:
        cpus = cpu_numbers(text)
    except ValueError as error:
        raise TracerError(
            f"--cpus {text!r}: {str(error)!r} is not a CPU or a range of CPUs",
            f"write a list such as 0 or 0-1 or 1-3,5, or `physical`; online here: {here}",
            exit_code=2,
        ) from None
    for what, known in (("online", online_cpus()), ("allowed to this process", allowed)):
        wrong = [n for n in cpus if n not in known]
        if wrong:
            raise TracerError(
                f"--cpus {text}: CPU {wrong[0]} is not {what}",
                f"choose from {','.join(map(str, known))}",
                exit_code=2,
            )
    return cpus


def cpu_list(cpus: Iterable[int]) -> str:
    """`0-3,8` for CPU numbers in any order."""
    text: list[str] = []
    ordered = sorted(set(cpus))
    for cpu in ordered:
        if cpu - 1 not in ordered:
            text.append(str(cpu))
        elif cpu + 1 not in ordered:
            text[-1] += f"-{cpu}"
    return ",".join(text)


@dataclass(frozen=True)
class Cpu:
    """Where one CPU is; `capacity` as the scheduler sees it (1024: the fastest kind)."""

    number: int
    core: str
    cache: str
    node: str
    capacity: int


def read_cpus(allowed: Iterable[int], base: Path = _SYS) -> list[Cpu]:
    """The CPUs that this process may use, from sysfs."""
    found = []
    for number in sorted(allowed):
        cpu = base / f"cpu{number}"
        levels = sorted(
            (cpu / "cache").glob("index[0-9]*"), key=lambda p: line_of(p / "level", "0")
        )
        nodes = sorted(path.name for path in cpu.glob("node[0-9]*"))
        capacity = line_of(cpu / "cpu_capacity") or line_of(cpu / "acpi_cppc" / "highest_perf")
        found.append(
            Cpu(
                number,
                line_of(cpu / "topology" / "thread_siblings_list", str(number)),
                line_of(levels[-1] / "shared_cpu_list") if levels else "",
                nodes[0] if nodes else "node0",
                int(capacity) if capacity.isdigit() else 0,
            )
        )
    return found
