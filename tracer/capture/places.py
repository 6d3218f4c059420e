"""The profile of a window: what probe stacks sampled of its critical path, with names."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from tracer.analysis.run.ledger import open_times, thread_times
from tracer.analysis.sampled_path import stacks_of, walked
from tracer.analysis.where.pieces import shared
from tracer.capture.window import PathEnd
from tracer.host.waiting import WaitingStack
from tracer.kernel.engine import Engine
from tracer.model.path_nodes import (
    NO_CALL,
    OwnTime,
    SampledPaths,
    TakenStack,
    since,
    ticking_keys,
)
from tracer.model.profile import (
    AT_END,
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
from tracer.model.stacks import NamedStack
from tracer.model.states import (
    AWAITED,
    EXTERNAL,
    OWN_PARTS,
    PART,
    PATH_PARTS,
    SLEEP,
    SYSCALL_PARTS,
    TIMED_WAIT,
    UNKNOWN,
    RunState,
)
from tracer.model.stretches import longest
from tracer.model.syscalls import class_of, name_of
from tracer.model.threads import RUNNING, is_in
from tracer.units import counted

_MOST_DESCRIPTORS = 1 << 31
_CALLS = {PART[name] for name in SYSCALL_PARTS}
_SLEPT = {PART[name] for name in (SLEEP, TIMED_WAIT, EXTERNAL)}
_MOST_STRETCHES = 8
#: In place of a CPU's number: a stack that is from no CPU's ring, by slot.
_OUTSIDE = -1
#: A thread whose row another one has since; with it went its name.
_ENDED = "(ended)"


def profile_of(
    recording: Recording,
    engine: Engine,
    groups: Mapping[int, str],
    path_end: PathEnd | None = None,
    waiting: Mapping[int, WaitingStack] = MappingProxyType({}),
) -> Profile | None:
    """The samples of the recording's critical path, in order of time; None without probe stacks.

    `groups`: the name of each thread in the table of threads, by slot; `waiting`: what threads wait
    in whose wait goes on, by slot; `path_end`: how long that of the path's last thread is.
    """
    end = recording.threads[recording.end_slot]
    last, ticking = int(end["node"]), _ticking(end)
    running = _running(recording) if engine.samples_all_threads else {}
    others = [*ticking, *(key for keys in running.values() for key in keys)]
    outside = {(_OUTSIDE, slot): _taken(slot, one) for slot, one in waiting.items()}
    paths = engine.sampled_paths([last], others, recording.end_ns, outside)
    if paths is None:
        return None
    nodes, is_whole = walked(paths.nodes, last)
    path = _Path(recording, groups)
    for node in nodes[nodes["points"] > 0]:
        taken = [paths.stacks[key] for key in stacks_of(paths, node)]
        path.grow(node, *since(taken, int(node["points"]), recording.start_ns))
    if engine.has_stacks:
        found = [paths.stacks[key] for key in ticking if key in paths.stacks]
        path.runs_to_the_end(ticking, found)
        if path_end:
            at_end = paths.stacks.get((_OUTSIDE, recording.end_slot))
            path.waits_to_the_end(path_end, paths.grid_ns, at_end)
    else:
        path.goes_on_to_the_end(paths.grid_ns)
    lost_stacks = f"{counted(paths.lost_stacks, 'stack')} found no room" * bool(paths.lost_stacks)
    points = recording.window_ns // max(paths.grid_ns, 1)
    lost = 0 if is_whole else max(points - sum(sample.points for sample in path.samples), 0)
    return Profile(
        tuple(path.samples),
        paths.grid_ns,
        paths.lost_points + lost,
        tuple(_thread_samples(recording, paths, groups, running))
        if engine.samples_all_threads
        else (),
        "; ".join(filter(None, (paths.failure, lost_stacks, engine.stacks.missing))),
        tuple(_stretches(recording, paths, groups)),
        engine.has_stacks,
        int(end["handovers"]),
        os.uname().machine,
    )


class _Path:
    """The samples of a path, made one after the other."""

    def __init__(self, recording: Recording, groups: Mapping[int, str]) -> None:
        self.samples: list[PathSample] = []
        self._recording, self._groups = recording, groups
        self._threads: dict[tuple[int, int], SampledThread] = {}
        self._handovers = 0  # up to the last sample

    def grow(self, node: np.void, taken: Sequence[TakenStack], points: float) -> None:
        """By the time of a node; by nothing where that is of before the window."""
        if round(points):
            call = None if int(node["call"]) == NO_CALL else name_of(int(node["call"]))
            slot, part = int(node["slot"]), int(node["part"])
            self._add(node, slot, PATH_PARTS[part], round(points), call, taken, _awaited(node))

    def runs_to_the_end(
        self, ticking: Sequence[tuple[int, int]], found: Sequence[TakenStack]
    ) -> None:
        """By what its thread's last ticks sampled in the window, of which these stacks are there;
        nothing where there were none."""
        recording = self._recording
        slot, row = recording.end_slot, recording.threads[recording.end_slot]
        theirs = [stack for stack in found if stack.slot == slot]
        taken = [s for s in theirs if recording.start_ns <= s.at_ns <= recording.end_ns]
        part = int(row["on_cpu_part"])
        if not taken or part >= len(PATH_PARTS):
            return
        call = name_of(int(row["call_nr"])) if part in _CALLS else None
        points = round(len(ticking) * len(taken) / len(theirs))
        self._add(row, slot, PATH_PARTS[part], points, call, taken)

    def waits_to_the_end(self, end: PathEnd, grid_ns: int, taken: TakenStack | None) -> None:
        """By a wait that goes on: the time that has a name, and that which has none."""
        slot, row = self._recording.end_slot, self._recording.threads[self._recording.end_slot]
        part = _present_part(row)
        if row["state"] != RunState.BLOCKED or part is None:
            return
        call = name_of(int(row["call_nr"])) if row["on_cpu_part"] in _CALLS else None
        unnamed_ns = end.asleep_ns - end.named_ns
        for name, ns in ((UNKNOWN, unnamed_ns), (PATH_PARTS[part], end.named_ns)):
            if points := ns // max(grid_ns, 1):
                stacks = [taken] if taken else []
                self._add(row, slot, name, points, call, stacks)

    def goes_on_to_the_end(self, grid_ns: int) -> None:
        """By the time from the thread's last event to the window's end, where tracer closed that:
        no event made a node of it."""
        recording = self._recording
        slot, row = recording.end_slot, recording.threads[recording.end_slot]
        points = max(recording.end_ns - int(row["last_ns"]), 0) // max(grid_ns, 1)
        part = _present_part(row)
        if points and part is not None:
            call = name_of(int(row["call_nr"])) if row["on_cpu_part"] in _CALLS else None
            self._add(row, slot, PATH_PARTS[part], points, call, ())

    def _add(
        self,
        row: np.void,  # of a thread, or a node
        slot: int,
        part: str,
        points: int,
        call: str | None,
        taken: Sequence[TakenStack],
        awaited: str | None = None,
    ) -> None:
        key = slot, int(row["life"])
        if key not in self._threads:
            self._threads[key] = _thread(self._recording, *key, self._groups)
        handovers, self._handovers = self._handovers, int(row["handovers"])
        thread, last = self._threads[key], len(self.samples) - 1
        is_handed = bool(self.samples) and self.samples[last].thread is not thread
        self.samples.append(
            PathSample(
                part,
                points,
                thread,
                call,
                tuple(_stacks(taken)),
                last if is_handed else None,
                self._handovers - handovers if is_handed else None,
                _descriptor(call, taken),
                awaited,
            )
        )


def _taken(slot: int, waiting: WaitingStack) -> TakenStack:
    at_ns = waiting.sample.at_ns
    return TakenStack(slot, TAKEN.index(AT_END), at_ns, waiting.first, waiting.sample)


def _ticking(row: np.void) -> list[tuple[int, int]]:
    """The keys of the stacks of a thread's last ticks: where tracer closes a window, no event of
    the thread that still runs makes a node of them."""
    return ticking_keys(row) if row["state"] in RUNNING else []


def _running(recording: Recording) -> dict[int, list[tuple[int, int]]]:
    """These keys by slot, of all threads that still run."""
    rows = recording.threads
    keys = {slot: _ticking(rows[slot]) for slot in np.flatnonzero(is_in(rows, *RUNNING)).tolist()}
    return {slot: found for slot, found in keys.items() if found}


def _awaited(node: np.void) -> str | None:
    number = int(node["awaited"])
    return AWAITED[number] if number < len(AWAITED) else None


def _present_part(row: np.void) -> int | None:
    """Of the path, as `choose_path` counts it; None where it has no name."""
    if row["state"] in RUNNING:
        part = int(row["on_cpu_part"])
        return part if part < len(PATH_PARTS) else None
    if row["state"] == RunState.BLOCKED:
        return PART[SLEEP if row["blocked_part"] == PART["blocked:sleep"] else EXTERNAL]
    return None


def _thread_samples(
    recording: Recording,
    paths: SampledPaths,
    groups: Mapping[int, str],
    running: Mapping[int, Sequence[tuple[int, int]]],
) -> Iterator[ThreadSample]:
    """All threads' own times, exact by thread and state, split by samples. `running`: the keys of
    the stacks of the last ticks of threads that still run, by slot."""
    sampled_ns: defaultdict[tuple[int, int], Counter[OwnTime]] = defaultdict(Counter)
    lives = recording.threads["life"]
    for times in (paths.times, _at_the_end(recording, paths, running)):
        for time, ns in times.items():
            # the table has no times of its earlier threads, nor of those that began since
            if time.slot < len(lives) and lives[time.slot] == time.life:
                sampled_ns[time.slot, _own_part(time)][time] += round(ns)
    own_ns = thread_times(recording)
    for slot, part in np.argwhere(own_ns > 0).tolist():
        thread = _thread(recording, slot, int(lives[slot]), groups)
        state, all_ns = OWN_PARTS[part], int(own_ns[slot, part])
        sampled = sampled_ns.get((slot, part))
        if not sampled:
            yield ThreadSample(thread, state, all_ns)
            continue
        split = shared(all_ns, [*sampled.values()])
        for time, ns in zip(sampled, split, strict=True):
            call = None if time.call == NO_CALL else name_of(time.call)
            yield ThreadSample(thread, state, ns, call, _stack(time.stack, 0))


def _at_the_end(
    recording: Recording, paths: SampledPaths, running: Mapping[int, Sequence[tuple[int, int]]]
) -> Counter[OwnTime]:
    """All threads' times, ns, from their last event to the window's end: no event made a node of
    these. Shorter ones than the grid are left out, as between two of its points."""
    found: Counter[OwnTime] = Counter()
    parts, open_ns = open_times(recording)
    for slot in np.flatnonzero((parts >= 0) & (open_ns >= paths.grid_ns)).tolist():
        row, part = recording.threads[slot], int(parts[slot])
        call = int(row["call_nr"]) if row["on_cpu_part"] in _CALLS else NO_CALL
        keys = running.get(slot) or [(_OUTSIDE, slot)]
        taken = [paths.stacks[key] for key in keys if key in paths.stacks]
        taken = [one for one in taken if one.slot == slot and one.at_ns >= recording.start_ns]
        for stack in [one.stack for one in taken] or [None]:
            time = OwnTime(slot, int(row["life"]), part, call, stack)
            found[time] += int(open_ns[slot]) // max(len(taken), 1)
    return found


def _own_part(time: OwnTime) -> int:
    """Of a sleep that is on the path, the part of the thread's own time that it is."""
    if time.part not in _SLEPT:
        return time.part
    name = "other" if time.call == NO_CALL else class_of(name_of(time.call))
    return PART[f"blocked:{name}"]


def _stretches(
    recording: Recording, paths: SampledPaths, groups: Mapping[int, str]
) -> Iterator[Stretch]:
    rows = recording.threads
    for span in longest(rows, recording.epoch, recording.end_ns, _MOST_STRETCHES):
        row = rows[span.slot]
        taken = [s for s in paths.stacks.values()
                 if s.slot == span.slot and span.begin_ns <= s.at_ns <= span.end_ns]  # fmt: skip
        at_end = paths.stacks.get((_OUTSIDE, span.slot))
        if at_end and span.is_open:
            taken.append(at_end)
        taken.sort(key=lambda stack: stack.at_ns)
        is_of_window = row["epoch"] == recording.epoch
        is_call = row["on_cpu_part"] in _CALLS
        yield Stretch(
            _thread(recording, span.slot, int(row["life"]), groups),
            span.ns,
            int(row["polls"] - row["polls_before"]) if is_of_window else 0,
            tuple(_stacks(taken)),
            span.is_open,
            name_of(int(row["call_nr"])) if span.is_open and is_call else None,
        )


def _thread(recording: Recording, slot: int, life: int, groups: Mapping[int, str]) -> SampledThread:
    row = recording.threads[slot]
    if int(row["life"]) != life:
        return SampledThread(slot, 0, _ENDED, _ENDED, 0)
    name = recording.name_of(slot)
    return SampledThread(slot, int(row["tid"]), name, groups.get(slot, name), int(row["tgid"]))


def _stacks(taken: Sequence[TakenStack]) -> Iterator[SampledStack]:
    for one in taken:
        stack = _stack(one.stack, one.taken, one.task)
        if stack:
            yield stack


def _stack(named: NamedStack | None, taken: int, task: Task | None = None) -> SampledStack | None:
    """None for one of which nothing is known."""
    if named is None or not named.frames:
        return None
    return SampledStack(named.frames, named.whole, TAKEN[taken], named.broke_in, task)


def _descriptor(call: str | None, taken: Sequence[TakenStack]) -> int | None:
    """The first argument of calls that have a descriptor there."""
    if not taken or call is None or class_of(call) not in ("io", "poll"):
        return None
    is_one = call not in ("poll", "ppoll", "select", "pselect6")
    return taken[-1].first if is_one and taken[-1].first < _MOST_DESCRIPTORS else None
