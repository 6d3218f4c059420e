"""Profiles written by hand."""

from __future__ import annotations

import random

from tracer.analysis.run.ledger import Ledger
from tracer.model.profile import (
    BY_CLOCK,
    CAME_IN,
    PathSample,
    Profile,
    SampledStack,
    SampledThread,
)
from tracer.model.stacks import Frame
from tracer.model.states import PATH_PARTS, UNKNOWN

RING = "/srv/app/ring"
LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6"
STD = "/rustc/0f00/library/std/src/"


def frame(function: str, module: str = RING, at: str = "", kind: str = "native") -> Frame:
    """`at` is `file:line`."""
    file, _, line = at.rpartition(":")
    where = int(line) if line else None
    return Frame(function, module, file, where, inlined=False, kind=kind, offset=0x1234)


RECV = frame("recv", LIBC)
PASS_ON = frame("ring::pass_on", at="src/row.rs:26")
SPIN = frame("ring::spin", at="src/row.rs:40")
SHORT = frame("std::sys::backtrace::__rust_begin_short_backtrace", at=f"{STD}sys/backtrace.rs:158")
CATCH = frame("std::panicking::try::do_call", at=f"{STD}panicking.rs:500")
CLONE = frame("clone3", LIBC)
ROOT = (SHORT, CATCH, CLONE)


def thread(number: int, group: str = "hop-*") -> SampledThread:
    return SampledThread(number, 100 + number, f"hop-{number}", group)


def stack(*frames: Frame, whole: bool = True, taken: str = CAME_IN) -> SampledStack:
    return SampledStack((*frames, *ROOT), whole, taken)


IN_RECV = stack(RECV, PASS_ON)
IN_SPIN = stack(SPIN, PASS_ON, taken=BY_CLOCK)


def sample(
    part: str,
    points: int,
    *stacks: SampledStack,
    by: int = 1,
    call: str | None = None,
    waker: int | None = None,
    handovers: int | None = None,
) -> PathSample:
    return PathSample(part, points, thread(by), call, stacks, waker, handovers)


#: 100 points: own code 60 (spin 60), reading 30, a wake-up 10.
SAMPLES = (
    sample("user", 40, IN_SPIN, by=1),
    sample("wakeup:idle", 10, IN_RECV, by=2, call="recvfrom", waker=0, handovers=1),
    sample("syscall:io", 30, IN_RECV, by=2, call="recvfrom"),
    sample("user", 20, IN_SPIN, by=3, waker=2, handovers=4),
)
PROFILE = Profile(SAMPLES, grid_ns=1000, handovers=7)
#: Not in the proportions of the samples, and with a part without a sample and a residual.
WALL = Ledger(100_003, {"user": 59_999, "syscall:io": 30_001, "wakeup:idle": 10_000, "sleep": 2})


def random_profile(seed: int) -> tuple[Profile, Ledger]:
    """Samples and a ledger that fits them, of any parts, stacks and times."""
    choose = random.Random(seed)
    parts = choose.sample(PATH_PARTS[:-1], choose.randint(1, 8))
    names = [f"app::f{n}" for n in range(6)]
    samples: list[PathSample] = []
    for index in range(choose.randint(0, 200)):
        stacks = [
            stack(frame(choose.choice(names)), whole=choose.random() < 0.9)
            for _ in range(choose.choice((0, 1, 1, 1, 2, 3, 7)))
        ]
        is_handed = index > 0 and choose.random() < 0.3
        samples.append(
            sample(
                choose.choice(parts),
                choose.randint(1, 9),
                *stacks,
                by=choose.randint(1, 5),
                waker=index - 1 if is_handed else None,
                handovers=choose.choice((1, 3)) if is_handed else None,
            )
        )
    every = choose.sample(PATH_PARTS[:-1], choose.randint(0, 5)) + parts
    ledger = {part: choose.randint(0, 10 ** choose.randint(0, 11)) for part in every}
    assert UNKNOWN not in ledger
    return Profile(tuple(samples)), Ledger(sum(ledger.values()) + choose.randint(0, 99), ledger)
