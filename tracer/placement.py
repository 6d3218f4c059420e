"""CPU lists: `1`, `1-3,5`, `physical`."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tracer.errors import TracerError


def online() -> tuple[int, ...]:
    """CPUs that are online, from sysfs."""
    return numbers(Path("/sys/devices/system/cpu/online").read_text())


def numbers(text: str) -> tuple[int, ...]:
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


def _physical(cpus: tuple[int, ...]) -> tuple[int, ...]:
    """The first hardware thread of each core."""
    base = Path("/sys/devices/system/cpu")
    siblings = [base / f"cpu{n}/topology/thread_siblings_list" for n in cpus]
    cores = [
        set(numbers(path.read_text())) if path.exists() else {cpu}
        for cpu, path in zip(cpus, siblings, strict=True)
    ]
    return tuple(
        cpu for cpu, core in zip(cpus, cores, strict=True) if cpu == min(core.intersection(cpus))
    )


def parse(text: str) -> tuple[int, ...]:
    """The CPUs a user named; TracerError (exit status 2) when they cannot be used."""
    allowed = tuple(sorted(os.sched_getaffinity(0)))
    if text == "physical":
        return _physical(allowed)
    here = ",".join(map(str, online()))
    try:
        cpus = numbers(text)
    except ValueError as error:
        raise TracerError(
            f"--cpus {text!r}: {str(error)!r} is not a CPU or a range of CPUs",
            f"write a list such as 0 or 0-1 or 1-3,5, or `physical`; online here: {here}",
            exit_code=2,
        ) from None
    for what, known in (("online", online()), ("allowed to this process", allowed)):
        wrong = [n for n in cpus if n not in known]
        if wrong:
            raise TracerError(
                f"--cpus {text}: CPU {wrong[0]} is not {what}",
                f"choose from {','.join(map(str, known))}",
                exit_code=2,
            )
    return cpus
