"""The program as a whole: how many of its threads ran at a time, and what the others slept in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tracer.analysis.where.error import ENOUGH_POINTS, Blocks
from tracer.model.concurrency import ALL_ASLEEP, RAN, READY_NONE_RAN, Looks
from tracer.model.recording import Recording
from tracer.model.states import OWN_PARTS, SYSCALL_PARTS
from tracer.model.syscalls import name_of


@dataclass(frozen=True)
class LookShare:
    """A share of the looks; `error`: its 95 % half-width, None where there were too few."""

    share: float
    error: float | None


@dataclass(frozen=True)
class Asleep:
    """Threads of one group asleep in one call, whose class is `cls`: how many at a time, over all
    looks and over those in which no thread ran.

    `call` is None outside calls, where `cls` is `stopped`, `unknown` or `user` (a page fault, or
    calls are not seen).
    """

    group: str
    call: str | None
    cls: str
    threads: float
    none_ran: float


@dataclass(frozen=True)
class Concurrent:
    """What all threads did together, in so many looks, one every `interval_ns`.

    The shares `all_asleep`, `none_ran` (some were ready) and `ran` (1 thread, 2, ... at a time) sum
    to 1. `threads`, `running` and `ready` are means: how many there were, ran, and were ready and
    did not run. `asleep`: most threads in looks without a running one first. `late`: looks
    that came late and were left out.
    """

    looks: int
    interval_ns: int
    threads: float
    running: float
    ready: float
    all_asleep: LookShare
    none_ran: LookShare
    ran: tuple[LookShare, ...]
    asleep: tuple[Asleep, ...]
    late: int = 0

    @property
    def is_enough(self) -> bool:
        """Whether there were enough looks for the errors to be known."""
        return self.looks >= ENOUGH_POINTS


def concurrent(recording: Recording, groups: Mapping[int, str]) -> Concurrent | None:
    """None where nobody looked. `groups`: each thread's name in the table of threads, by slot."""
    looks = recording.looks
    number = len(looks.states)
    if not number:
        return None
    blocks = Blocks([1.0] * number)

    def share(value: int) -> LookShare:
        members = np.flatnonzero(looks.states == value).tolist()
        error = blocks.half_width(members) if number >= ENOUGH_POINTS else None
        return LookShare(len(members) / number, error)

    most = max(int(looks.states.max()) - RAN + 1, 0)
    ran = np.maximum(looks.states.astype(np.int64) - RAN + 1, 0)
    return Concurrent(
        looks=number,
        interval_ns=recording.window_ns // number,
        threads=looks.threads / number,
        running=float(ran.mean()),
        ready=looks.ready / number,
        all_asleep=share(ALL_ASLEEP),
        none_ran=share(READY_NONE_RAN),
        ran=tuple(share(RAN + n) for n in range(most)),
        asleep=tuple(_asleep(recording, looks, groups)),
        late=looks.late,
    )


def _asleep(recording: Recording, looks: Looks, groups: Mapping[int, str]) -> list[Asleep]:
    number = len(looks.states)
    none_ran = int((looks.states < RAN).sum())
    sums: defaultdict[tuple[str, str | None, str], list[int]] = defaultdict(lambda: [0, 0])
    names = {call: name_of(call) for call in {sleep.call for sleep in looks.asleep}}
    for sleep, seen in looks.asleep.items():
        group = groups.get(sleep.slot) or recording.name_of(sleep.slot)
        state = OWN_PARTS[sleep.part]
        call = names[sleep.call] if state in SYSCALL_PARTS else None
        total = sums[group, call, state.removeprefix("syscall:").removeprefix("blocked:")]
        total[0] += seen.looks
        total[1] += seen.none_ran
    found = [
        Asleep(group, call, cls, times / number, alone / max(none_ran, 1))
        for (group, call, cls), (times, alone) in sums.items()
    ]
    return sorted(found, key=lambda one: (-one.none_ran, -one.threads, one.group, one.call or ""))
