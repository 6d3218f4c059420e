"""The tasks that were on the path, and the event loops that were kept from polling."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tracer.analysis.where.own_code import is_own, languages
from tracer.analysis.where.pieces import Piece
from tracer.analysis.where.places import Place, name_of, place_of
from tracer.model.profile import PathSample, SampledStack, Stretch, Task
from tracer.model.stacks import Frame

#: Frames behind which, on the way inward, a task's own code begins; by runtime.
_BEGINS = {
    "tokio": re.compile(r"<?tokio::runtime::(?:task|scheduler|context|park|blocking)"),
    "go": re.compile(r"runtime\.(?:goexit|main)"),
    "asyncio": re.compile(r"(?:py::)?(?:Handle\._run|Task\.__step|Runner\.run)"),
}


#: The name of a task none of whose whole stacks has own code: a worker of tokio is one. Of asyncio
#: there can be stacks without Python's functions.
RUNTIME = "the runtime itself"

#: What Go's compiler puts around a function that a goroutine starts with.
_WRAPPER = re.compile(r"\.gowrap\d+$")


@dataclass(frozen=True)
class TaskShare:
    """The path's time in one task of a runtime, or in calls on one file descriptor.

    `number` is that of the runtime, or the descriptor's; None where it has none. `name`: the
    function that the task began with, where a stack shows it; `label`: what the program named it.
    """

    runtime: str
    number: int | None
    name: str
    ns: int
    samples: int
    label: str = ""


@dataclass(frozen=True)
class Loop:
    """The longest time in which a thread with an event loop did not return to it.

    `place` is where it was in the middle of that time, in own code if a stack has some; None
    without a stack.
    `polls`: how often it returned in the window. `is_open`: it had not returned yet when the
    window, or the thread, ended; `call`: the system call it was in then. `tasks`: how many
    different ones the stacks of that time show.
    """

    tid: int
    thread: str
    ns: int
    polls: int
    place: Place | None
    task: Task | None
    task_name: str
    is_open: bool = False
    call: str | None = None
    tasks: int = 0


def task_shares(samples: Sequence[PathSample], pieces: Sequence[Piece]) -> list[TaskShare]:
    """Most time first. What was no task's and no descriptor's is not in them."""
    ns: dict[Task, int] = defaultdict(int)
    counts: dict[Task, int] = defaultdict(int)
    names: dict[Task, Counter[str]] = defaultdict(Counter)
    whole: set[Task] = set()
    for piece in pieces:
        if piece.sample is None:
            continue
        key, name = _of(samples[piece.sample], piece.stack)
        if key is None:
            continue
        ns[key] += piece.ns
        counts[key] += 1
        if name:
            names[key][name] += piece.ns
        if piece.stack and piece.stack.whole and key.runtime != "asyncio":
            whole.add(key)
    found = [
        TaskShare(task.runtime, task.number, _most(names[task]) or RUNTIME * (task in whole),
                  ns[task], counts[task], task.label)
        for task in ns
    ]  # fmt: skip
    return sorted(found, key=lambda share: (-share.ns, share.runtime, share.number or 0))


def _most(names: Counter[str]) -> str:
    """The name with the most time: a descriptor can be another file later."""
    return next((name for name, _ns in names.most_common(1)), "")


def _of(sample: PathSample, stack: SampledStack | None) -> tuple[Task | None, str]:
    """The task of one stack of a sample, and its name."""
    if stack and stack.task:
        return stack.task, task_name(stack.task.runtime, stack.frames)
    name = task_name("asyncio", stack.frames) if stack else ""
    if name:
        return Task("asyncio", None), name
    if sample.descriptor is not None:
        return Task("fd", sample.descriptor), sample.call or ""
    return None, ""


def task_name(runtime: str, frames: Sequence[Frame]) -> str:
    """The function that a task began with: the outermost of its own code behind the runtime's."""
    if runtime not in _BEGINS:
        return ""
    seen, beside = False, frozenset[str]()
    for frame in reversed(frames):
        if _begins(runtime, frame.function):
            seen, beside = True, beside or languages(frames)
        elif seen and is_own(frame, beside) and not _WRAPPER.search(frame.function):
            return name_of(frame)
    return ""


@lru_cache(maxsize=65536)
def _begins(runtime: str, function: str) -> bool:
    return bool(_BEGINS[runtime].match(function))


def loops(stretches: Sequence[Stretch], shares: Sequence[TaskShare] = ()) -> list[Loop]:
    """Longest first, as they are in the profile. A task whose stack does not show the function that
    it began with has the name that other stacks of it on the path showed (`shares`)."""
    known = {Task(s.runtime, s.number, s.label): s.name for s in shares if s.name != RUNTIME}
    found = []
    for stretch in stretches:
        if _is_of_go_itself(stretch.stacks):
            continue
        stack, place = _in_the_middle(stretch.stacks)
        task = stack.task if stack else None
        name = task_name(task.runtime if task else "asyncio", stack.frames) if stack else ""
        name = name or (known.get(task, "") if task else "")
        thread = stretch.thread
        found.append(
            Loop(
                *(thread.tid, thread.name, stretch.ns, stretch.polls, place, task, name),
                is_open=stretch.is_open,
                call=stretch.call,
                tasks=len({stack.task for stack in stretch.stacks if stack.task}),
            )
        )
    return found


def _is_of_go_itself(stacks: Sequence[SampledStack]) -> bool:
    """A thread of Go's runtime that ran no goroutine, such as its monitor: none waits for it."""
    return bool(stacks) and all(
        stack.task is None and any(frame.kind == "go" for frame in stack.frames) for stack in stacks
    )


def _in_the_middle(
    stacks: Sequence[SampledStack],
) -> tuple[SampledStack | None, Place | None]:
    """The stack nearest to the middle, of those in own code if there are any."""
    places = [place_of(stack.frames) for stack in stacks]
    middle = len(stacks) // 2
    order = sorted(range(len(stacks)), key=lambda at: (not places[at].is_own, abs(at - middle)))
    return (stacks[order[0]], places[order[0]]) if order else (None, None)
