"""The tasks that were on the path, and the event loops that were kept from polling."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tracer.analysis.where.own_code import is_own, languages
from tracer.analysis.where.pieces import Piece
from tracer.analysis.where.places import Place, name_of, place_of
from tracer.model.profile import PathSample, Stretch, Task
from tracer.model.stacks import Frame

#: Frames behind which, on the way inward, a task's own code begins; by runtime.
_BEGINS = {
    "tokio": re.compile(r"<?tokio::runtime::(?:task|scheduler|context|park|blocking)"),
    "go": re.compile(r"runtime\.(?:goexit|main)"),
    "asyncio": re.compile(r"(?:py::)?(?:Handle\._run|Task\.__step|Runner\.run)"),
}


#: The name of a task none of whose whole stacks has own code: a worker of tokio is one.
RUNTIME = "the runtime itself"

#: What Go's compiler puts around a function that a goroutine starts with.
_WRAPPER = re.compile(r"\.gowrap\d+$")


@dataclass(frozen=True)
class TaskShare:
    """The path's time in one task of a runtime, or in calls on one file descriptor.

    `number` is that of the runtime, or the descriptor's; None where it has none. `name`: the
    function that the task began with, where a stack shows it.
    """

    runtime: str
    number: int | None
    name: str
    ns: int
    samples: int


@dataclass(frozen=True)
class Loop:
    """The longest time in which a thread with an event loop did not return to it.

    `place` is where it was then, most of the time; None without a stack. `polls`: how often it
    returned in the window.
    """

    tid: int
    thread: str
    ns: int
    polls: int
    place: Place | None
    task: Task | None
    task_name: str


def task_shares(samples: Sequence[PathSample], pieces: Sequence[Piece]) -> list[TaskShare]:
    """Most time first. What was no task's and no descriptor's is not in them."""
    ns: dict[tuple[str, int | None], int] = defaultdict(int)
    counts: dict[tuple[str, int | None], int] = defaultdict(int)
    names: dict[tuple[str, int | None], str] = {}
    whole: set[tuple[str, int | None]] = set()
    for piece in pieces:
        if piece.sample is None:
            continue
        key, name = _of(samples[piece.sample], piece.frames)
        if key is None:
            continue
        ns[key] += piece.ns
        counts[key] += 1
        names[key] = names.get(key) or name
        if piece.stack and piece.stack.whole:
            whole.add(key)
    found = [
        TaskShare(*key, names[key] or RUNTIME * (key in whole), ns[key], counts[key]) for key in ns
    ]
    return sorted(found, key=lambda share: (-share.ns, share.runtime, share.number or 0))


def _of(sample: PathSample, frames: Sequence[Frame]) -> tuple[tuple[str, int | None] | None, str]:
    """The key of a sample's task, and its name."""
    if sample.task:
        task = sample.task
        return (task.runtime, task.number), task_name(task.runtime, frames)
    name = task_name("asyncio", frames)
    if name:
        return ("asyncio", None), name
    if sample.descriptor is not None:
        return ("fd", sample.descriptor), sample.call or ""
    return None, ""


def task_name(runtime: str, frames: Sequence[Frame]) -> str:
    """The function that a task began with: the outermost of its own code behind the runtime's."""
    begins = _BEGINS.get(runtime)
    if begins is None:
        return ""
    seen, beside = False, languages(frames)
    for frame in reversed(frames):
        if begins.match(frame.function):
            seen = True
        elif seen and is_own(frame, beside) and not _WRAPPER.search(frame.function):
            return name_of(frame)
    return ""


def loops(stretches: Sequence[Stretch]) -> list[Loop]:
    """Longest first, as they are in the profile."""
    found = []
    for stretch in stretches:
        # of several stacks the one in the middle of that time
        frames = stretch.stacks[len(stretch.stacks) // 2].frames if stretch.stacks else ()
        name = task_name(stretch.task.runtime if stretch.task else "asyncio", frames)
        place = place_of(frames) if frames else None
        thread = stretch.thread
        found.append(
            Loop(thread.tid, thread.name, stretch.ns, stretch.polls, place, stretch.task, name)
        )
    return found
