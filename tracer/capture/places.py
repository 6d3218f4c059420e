"""The profile of a window: what probe stacks sampled of its critical path, with names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tracer.analysis.run.ledger import thread_times
from tracer.analysis.sampled_path import stacks_of, walked
from tracer.analysis.where.pieces import shared
from tracer.kernel.engine import Engine
from tracer.model.path_nodes import NO_CALL, OwnTime, SampledPaths, TakenStack, ticking_keys
from tracer.model.profile import (
    TAKEN,
    PathSample,
    Profile,
    SampledStack,
    SampledThread,
    Stretch,
    Task,
    ThreadSample,
)
from tracer.model.recording import Recording
from tracer.model.stacks import StackTable
from tracer.model.states import (
    AWAITED,
    EXTERNAL,
    OWN_PARTS,
    PART,
    PATH_PARTS,
    SLEEP,
    SYSCALL_PARTS,
    TIMED_WAIT,
    RunState,
)
from tracer.model.syscalls import class_of, name_of
from tracer.model.threads import RUNNING

_MOST_DESCRIPTORS = 1 << 31
#: Points are split among stacks; their parts in whole numbers.
_FINE = 1024
_CALLS = {PART[name] for name in SYSCALL_PARTS}
_SLEPT = {PART[name] for name in (SLEEP, TIMED_WAIT, EXTERNAL)}
#: A thread that polled less often in the window has no event loop to return to.
_FEWEST_POLLS = 3
_MOST_STRETCHES = 8


def profile_of(recording: Recording, engine: Engine, groups: Mapping[int, str]) -> Profile | None:
    """The samples of the recording's critical path, in order of time; None without probe stacks.

    `groups`: the name of each thread in the table of threads, by slot.
    """
    last, ticking = int(recording.threads["node"][recording.end_slot]), _ticking(recording)
    paths = engine.sampled_paths([last], ticking)
    if paths is None:
        return None
    nodes, is_whole = walked(paths.nodes, last)
    samples: list[PathSample] = []
    threads: dict[int, SampledThread] = {}
    for node in nodes[nodes["points"] > 0]:
        slot = int(node["slot"])
        if slot not in threads:
            threads[slot] = _thread(recording, slot, groups)
        before = samples[-1].thread.slot if samples else slot
        call = None if int(node["call"]) == NO_CALL else name_of(int(node["call"]))
        taken = [paths.stacks[key] for key in stacks_of(paths, node)]
        samples.append(
            PathSample(
                PATH_PARTS[int(node["part"])],
                int(node["points"]),
                threads[slot],
                call,
                tuple(_stacks(engine.stacks, taken)),
                None if slot == before else len(samples) - 1,
                descriptor=_descriptor(call, taken),
                awaited=_awaited(node),
            )
        )
    if engine.has_stacks:
        samples += _to_the_end(recording, paths, engine.stacks, ticking, groups)
    else:
        samples += _rest(recording, paths.grid_ns, groups)
    points = recording.window_ns // max(paths.grid_ns, 1)
    lost = 0 if is_whole else max(points - sum(sample.points for sample in samples), 0)
    return Profile(
        tuple(samples),
        paths.grid_ns,
        paths.lost_points + lost,
        tuple(_thread_samples(recording, paths, engine.stacks, groups)),
        "; ".join(filter(None, (paths.failure, engine.stacks.missing))),
        tuple(_stretches(recording, paths, engine.stacks, groups)),
        engine.has_stacks,
    )


def _ticking(recording: Recording) -> list[tuple[int, int]]:
    """The keys of the stacks of a thread's last ticks: where tracer closes a window, no event of
    the thread that still runs makes a node of them."""
    row = recording.threads[recording.end_slot]
    return ticking_keys(row) if row["state"] in RUNNING else []


def _to_the_end(
    recording: Recording,
    paths: SampledPaths,
    table: StackTable,
    ticking: Sequence[tuple[int, int]],
    groups: Mapping[int, str],
) -> Iterator[PathSample]:
    """What these ticks sampled in the window; nothing where there were none."""
    slot = recording.end_slot
    found = [paths.stacks[key] for key in ticking if key in paths.stacks]
    taken = [
        stack
        for stack in found
        if stack.slot == slot and recording.start_ns <= stack.at_ns <= recording.end_ns
    ]
    row = recording.threads[slot]
    part = int(row["on_cpu_part"])
    if not taken or part >= len(PATH_PARTS):
        return
    name = PATH_PARTS[part]
    yield PathSample(
        name,
        len(taken),
        _thread(recording, slot, groups),
        name_of(int(row["call_nr"])) if name.startswith("syscall:") else None,
        tuple(_stacks(table, taken)),
    )


def _rest(recording: Recording, grid_ns: int, groups: Mapping[int, str]) -> Iterator[PathSample]:
    """The time from the thread's last event to the window's end, where tracer closed that: no event
    made a node of it."""
    slot = recording.end_slot
    row = recording.threads[slot]
    points = max(recording.end_ns - int(row["last_ns"]), 0) // max(grid_ns, 1)
    part = _present_part(row)
    if points and part is not None:
        in_call = row["on_cpu_part"] in _CALLS
        call = name_of(int(row["call_nr"])) if in_call else None
        yield PathSample(part, points, _thread(recording, slot, groups), call)


def _awaited(node: np.void) -> str | None:
    number = int(node["awaited"])
    return AWAITED[number] if number < len(AWAITED) else None


def _present_part(row: np.void) -> str | None:
    """Of the path, as `choose_path` counts it; None where it has no name."""
    if row["state"] in RUNNING:
        part = int(row["on_cpu_part"])
        return PATH_PARTS[part] if part < len(PATH_PARTS) else None
    if row["state"] == RunState.BLOCKED:
        return SLEEP if row["blocked_part"] == PART["blocked:sleep"] else EXTERNAL
    return None


def _thread_samples(
    recording: Recording, paths: SampledPaths, table: StackTable, groups: Mapping[int, str]
) -> Iterator[ThreadSample]:
    """All threads' own times, exact by thread and state, split by samples; none unless wanted."""
    if not paths.times:
        return
    points: dict[tuple[int, int], dict[OwnTime, float]] = {}
    for time, count in paths.times.items():
        points.setdefault((time.slot, _own_part(time)), {})[time] = count
    own_ns = thread_times(recording)
    for slot, part in np.argwhere(own_ns > 0).tolist():
        thread = _thread(recording, slot, groups)
        state, all_ns = OWN_PARTS[part], int(own_ns[slot, part])
        sampled = points.get((slot, part))
        if not sampled:
            yield ThreadSample(thread, state, all_ns)
            continue
        split = shared(all_ns, [round(_FINE * count) for count in sampled.values()])
        for time, ns in zip(sampled, split, strict=True):
            call = None if time.call == NO_CALL else name_of(time.call)
            yield ThreadSample(thread, state, ns, call, _stack(table, time.stack, 0))


def _own_part(time: OwnTime) -> int:
    """Of a sleep that is on the path, the part of the thread's own time that it is."""
    if time.part not in _SLEPT:
        return time.part
    name = "other" if time.call == NO_CALL else class_of(name_of(time.call))
    return PART[f"blocked:{name}"]


def _stretches(
    recording: Recording, paths: SampledPaths, table: StackTable, groups: Mapping[int, str]
) -> Iterator[Stretch]:
    """The longest ones, of threads that returned to an event loop often enough to have one."""
    rows = recording.threads
    seen = (rows["epoch"] == recording.epoch) & (rows["polls"] >= _FEWEST_POLLS)
    for slot in np.argsort(np.where(seen, rows["stretch_ns"], 0))[::-1][:_MOST_STRETCHES].tolist():
        row = rows[slot]
        if not seen[slot] or not row["stretch_ns"]:
            return
        end_ns = int(row["stretch_end_ns"])
        begin_ns = end_ns - int(row["stretch_ns"])
        taken = [s for s in paths.stacks.values()
                 if s.slot == slot and begin_ns <= s.at_ns <= end_ns]  # fmt: skip
        taken.sort(key=lambda stack: stack.at_ns)
        yield Stretch(
            _thread(recording, slot, groups),
            int(row["stretch_ns"]),
            int(row["polls"]),
            tuple(_stacks(table, taken)),
        )


def _thread(recording: Recording, slot: int, groups: Mapping[int, str]) -> SampledThread:
    name, row = recording.name_of(slot), recording.threads[slot]
    return SampledThread(slot, int(row["tid"]), name, groups.get(slot, name), int(row["tgid"]))


def _stacks(table: StackTable, taken: Sequence[TakenStack]) -> Iterator[SampledStack]:
    for one in taken:
        stack = _stack(table, one.number, one.taken, one.task)
        if stack:
            yield stack


def _stack(
    table: StackTable, number: int, taken: int, task: Task | None = None
) -> SampledStack | None:
    """None for one of which nothing is known."""
    if number < 0 or not table[number].frames:
        return None
    named = table[number]
    return SampledStack(named.frames, named.whole, TAKEN[taken], named.broke_in, task)


def _descriptor(call: str | None, taken: Sequence[TakenStack]) -> int | None:
    """The first argument of calls that have a descriptor there."""
    if not taken or call is None or class_of(call) not in ("io", "poll"):
        return None
    is_one = call not in ("poll", "ppoll", "select", "pselect6")
    return taken[-1].first if is_one and taken[-1].first < _MOST_DESCRIPTORS else None
