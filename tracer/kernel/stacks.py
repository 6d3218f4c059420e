"""Reads the nodes of the sampled paths, and the stacks, while the programs go on.

Memory stays bounded however long that takes: nodes that no living thread's path needs are dropped,
stacks are unwound from time to time, and when the paths have too many nodes the grid is doubled.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.kernel.event_loops import EventLoops
from tracer.kernel.path_store import coarsened, needed
from tracer.model.path_nodes import (
    WHOSE,
    Locals,
    Nodes,
    OwnTime,
    SampledPaths,
    TakenStack,
    keys_of,
    since,
    ticking_keys,
)
from tracer.model.sampling import Sampling
from tracer.model.stacks import StackSample
from tracer.model.stretches import longest
from tracer.model.threads import Threads, processes

#: The rings hold what a busy host makes in several times as long.
_LOOK_S = 0.05
#: Copied stacks are unwound when there are so many bytes of them; while that takes long, no more
#: than these are kept.
_MOST_BYTES, _ROOM_BYTES = 64 << 20, 256 << 20
#: Nodes are looked through when there are so many new ones, and as many as are kept of those
#: before; more needed ones than the most double the grid.
_FEW_NODES, _MOST_NODES = 1 << 14, 1 << 18

#: Stretches between two returns to an event loop, and stacks of each, that are kept.
_MOST_STRETCHES, _STRETCH_STACKS = 8, 8
#: Stacks that are kept of a thread that runs without any event, at most; half of these at least.
_MOST_TICKS = 1 << 16
#: Times of threads by stack; of more, the smallest lose their stack.
_MOST_TIMES = 1 << 17
#: The fields of a node that are written after it has been read.
_LATE = ("settled", "cpu", "first", "stacks")

_OF_PATH = WHOSE.index("path")
_EVER = 1 << 63

#: CPU of a stack, and its number there.
Key = tuple[int, int]
#: Unwinds stacks, with their tasks; quickly and without names once the event is set.
Unwind = Callable[[Sequence[TakenStack], threading.Event], Sequence[TakenStack]]


class PathCollector:
    """Empties the rings of probe stacks from `start` to `stop`, on a thread of its own; another one
    unwinds what they held, which takes longer than the rings have room for.

    `arrays` are the engine's, live. `look`, if given, is called with the processes that are there,
    again and again.
    """

    def __init__(
        self,
        arrays: Mapping[str, NDArray[np.void]],
        unwind: Unwind,
        look: Callable[[Sequence[int]], None] | None = None,
    ) -> None:
        self._arrays = arrays
        self._unwind, self._look = unwind, look
        self._sampling = Sampling()
        self._event_loops = EventLoops(arrays)
        self._lock = threading.Lock()  # of all that is kept
        self._unwinding = threading.Lock()
        self._full, self._over = threading.Event(), threading.Event()
        self._unnamed = threading.Event()  # names are not waited for any more
        self._threads: list[threading.Thread] = []
        self._failure = ""  # why reading ended early
        self._forget()

    def _forget(self) -> None:
        self._nodes: list[Nodes] = [np.zeros(0, self._arrays["path_nodes"].dtype)]
        #: Copies of `struct user_stack`: of which CPU, the number of the first one, and they.
        self._raw: list[tuple[int, int, NDArray[np.void]]] = []
        self._stacks: dict[Key, TakenStack] = {}  # unwound
        self._new_nodes = self._bytes = 0
        self._room_nodes = _FEW_NODES
        self._times: dict[int, defaultdict[OwnTime, float]] = {}  # ns, by their window's start
        self._counted = 0  # the last node in them
        self._lost = 0  # points, up to the last window
        self._lost_stacks = self._no_room = 0

    def start(self, sampling: Sampling) -> None:
        """Begin with nothing; paths are sampled from here on."""
        self.close()
        self._forget()
        self._sampling = sampling
        self._event_loops = EventLoops(self._arrays)
        for name in ("path_nodes", "user_stacks"):
            self._arrays[name]["number"] = 0  # those of an earlier run have the same numbers
        self._arrays["sampling"][0]["grid_ns"] = sampling.grid_ns
        self._arrays["sampling"][0]["every"] = 1
        for event in (self._over, self._full, self._unnamed):
            event.clear()
        self._failure = ""
        for target in (self._keep_small, self._follow):
            self._threads.append(
                threading.Thread(target=self._run, args=(target,), name="stacks", daemon=True)
            )
            self._threads[-1].start()

    def stop(self) -> None:
        """Stop reading, after the programs have been detached; what is being unwound goes on."""
        self._over.set()
        self._full.set()
        if self._threads:
            self._threads[-1].join()
        if "sampling" in self._arrays:
            with self._lock:
                self._read()

    def leave_unnamed(self) -> None:
        """Whatever has not been unwound yet will have no names: `collected` returns soon."""
        self._unnamed.set()

    def close(self) -> None:
        """Stop, also what is being unwound."""
        self.stop()
        self.leave_unnamed()
        while self._threads:
            self._threads.pop().join()

    def collected(
        self,
        ends: Sequence[int],
        others: Sequence[Key] = (),
        end_ns: int = _EVER,
        outside: Mapping[Key, TakenStack] = MappingProxyType({}),
    ) -> SampledPaths:
        """What the paths that end with these nodes need, with all stacks and `others` unwound, and
        `outside`, which are not from the rings; the threads' own times in windows that began
        before `end_ns`."""
        with self._unwinding:
            with self._lock:
                self._read()
                nodes = self._settled()
            self._count_times(nodes)
            times: defaultdict[OwnTime, float] = defaultdict(float)
            for start_ns in [start for start in self._times if start < end_ns]:
                for time_of, ns in self._times.pop(start_ns).items():
                    times[time_of] += ns
            nodes = nodes[needed(nodes, ends, int(self._arrays["sampling"][0]["made"]))]
            stacks = self._unwound(nodes, others, outside)
        sampling = self._arrays["sampling"][0]
        before, self._lost = self._lost, int(sampling["lost"])
        told = self._lost_stacks
        self._lost_stacks = self._no_room + int(self._arrays["stack_rings"]["lost"].sum())
        return SampledPaths(int(sampling["grid_ns"]), nodes, stacks, self._lost - before, times,
                            self._failure, self._lost_stacks - told)  # fmt: skip

    def processes(self) -> set[int]:
        """Those that stacks are of which have not been unwound yet."""
        blocks = [block for _cpu, _first, block in list(self._raw)]
        return {int(pid) for block in blocks for pid in np.unique(block["tgid"])}

    def _run(self, work: Callable[[], None]) -> None:
        """Both threads end where one fails: what the rings have no room for is counted as lost, and
        memory stays bounded."""
        try:
            work()
        except Exception as error:
            self._failure = f"reading them ended early: {str(error) or type(error).__name__}"
            self._over.set()
            self._full.set()

    def _follow(self) -> None:
        while not self._over.wait(_LOOK_S):
            self._event_loops.look()
            if self._look:
                self._look(processes(self._rows()))
            with self._lock:
                self._read()
            if self._new_nodes > self._room_nodes or self._bytes > _MOST_BYTES:
                self._full.set()

    def _rows(self) -> Threads:
        """The rows of the table of threads that were handed out so far."""
        rows: Threads = self._arrays["threads"][: int(self._arrays["ctl"][0]["next_slot"])]
        return rows

    def _keep_small(self) -> None:
        while not self._over.is_set():
            self._full.wait()
            if not self._over.is_set():
                with self._unwinding:
                    self._compact()
                self._full.clear()

    def _read(self) -> None:
        sampling, ring = self._arrays["sampling"][0], self._arrays["path_nodes"]
        first, end = int(sampling["read"]), int(sampling["made"])
        if first != end:
            numbers = np.arange(first + 1, end + 1)
            found = _written(ring, numbers % len(ring), numbers)
            sampling["read"] = first + len(found)
            found = found[found["number"] == numbers[: len(found)]]
            self._nodes.append(found)
            self._new_nodes += len(found)
        for cpu, row in enumerate(self._arrays["stack_rings"]):
            if row["taken"] != row["read"]:
                self._read_stacks(cpu, row)

    def _read_stacks(self, cpu: int, row: np.void) -> None:
        stacks = self._arrays["user_stacks"]
        size = len(stacks) // len(self._arrays["stack_rings"])
        first, end = int(row["read"]), int(row["taken"])
        numbers = np.arange(first, end)
        found = _written(stacks, cpu * size + numbers % size, numbers + 1)
        found["slot"][found["number"] != numbers[: len(found)] + 1] = 0  # nobody's
        if self._bytes < _ROOM_BYTES:
            self._raw.append((cpu, first, found))
            self._bytes += found.nbytes
        else:
            self._no_room += len(found)
        row["read"] = first + len(found)

    def _settled(self) -> Nodes:
        """All nodes, with what the programs have added to them since they were read."""
        nodes = np.concatenate(self._nodes)
        ring = self._arrays["path_nodes"]
        rows = np.flatnonzero(nodes["settled"] == 0)
        numbers = nodes["number"][rows]
        places = (numbers % len(ring)).astype(np.intp)
        is_there = ring["settled"][places] != 0  # first: see _written
        late = ring[places]
        is_there &= (late["number"] == numbers) & (ring["number"][places] == numbers)
        for name in _LATE:  # the others may have been changed here
            nodes[name][rows[is_there]] = late[name][is_there]
        self._nodes = [nodes]
        return nodes

    def _compact(self) -> None:
        """Drop what no path needs and unwind the rest.

        Threads go on and hand over paths meanwhile: what was a path's last node, and which ticks
        are in no node yet, is asked for twice, and what is made after the first time stays.
        """
        sampling = self._arrays["sampling"][0]
        made = int(sampling["made"])
        ends, ticking = self._ends(), [*self._ticking()]
        with self._lock:
            self._read()
            ends |= self._ends()
            ticking += self._ticking()
            nodes = self._settled()
            self._nodes, self._new_nodes = [nodes[:0]], 0
            before, self._bytes = len(self._raw), 0
        self._count_times(nodes)
        nodes = nodes[needed(nodes, ends, made)]
        if len(nodes) > _MOST_NODES:
            nodes = self._doubled(nodes, ends, made)
        self._stacks = self._unwound(nodes, ticking)
        with self._lock:
            self._nodes.insert(0, nodes)
            self._room_nodes = max(_FEW_NODES, len(nodes))
            del self._raw[:before]

    def _doubled(self, nodes: Nodes, ends: set[int], made: int) -> Nodes:
        """Double the grid, for these nodes too and for those that were made up to that moment."""
        sampling = self._arrays["sampling"][0]
        grid_ns = int(sampling["grid_ns"])
        sampling["grid_ns"] = 2 * grid_ns
        sampling["every"] *= 2  # so a tick stands for as many points as before
        with self._lock:
            self._read()
            later = np.concatenate(self._nodes)
            self._nodes = [later[:0]]
        self._count_times(later, grid_ns)
        start_ns = int(self._arrays["ctl"][0]["start_ns"])
        return coarsened(np.concatenate((nodes, later)), grid_ns, start_ns, ends, made)

    def _ends(self) -> set[int]:
        """The last nodes of the paths of this window; also of those of the window before, where one
        follows the other: it may not have been read yet. A thread that has slept since an earlier
        one begins a new path when it wakes up."""
        ctl = self._arrays["ctl"][0]
        epoch = int(ctl["epoch"])
        threads = self._rows()
        kept = self._arrays["threads_before"][: len(threads)]
        is_needed = threads["epoch"].astype(np.int64) >= epoch - 1
        of_last = kept["epoch"].astype(np.int64) + 1 == epoch
        both = np.concatenate((threads["node"][is_needed], kept["node"][of_last]))
        return set(np.unique(both).tolist())

    def _count_times(self, nodes: Nodes, grid_ns: int | None = None) -> None:
        """Add the threads' own time in new nodes, before those that no path needs are dropped; they
        were made with that grid, else with the present one."""
        if not self._sampling.all_threads:
            return
        self._times.setdefault(int(self._arrays["ctl"][0]["start_ns"]), defaultdict(float))
        starts = sorted(self._times)
        new = nodes[(nodes["number"] > self._counted) & (nodes["whose"] != _OF_PATH)]
        self._counted = int(nodes["number"].max(initial=self._counted))
        self._unwound(new)
        grid_ns = grid_ns or int(self._arrays["sampling"][0]["grid_ns"])
        for node in new:
            start_ns = starts[max(bisect_right(starts, int(node["at_ns"])) - 1, 0)]
            times = self._times[start_ns]
            who = (int(node[name]) for name in ("slot", "life", "part", "call"))
            slot, life, part, call = who
            taken = [self._stacks[key] for key in keys_of(node) if key in self._stacks]
            taken, points = since(taken, int(node["points"]), start_ns)
            for stack in [one.stack for one in taken] or [None]:
                of_one = grid_ns * points / max(len(taken), 1)
                times[OwnTime(slot, life, part, call, stack)] += of_one
        for start_ns, times in self._times.items():
            if len(times) > _MOST_TIMES:
                self._times[start_ns] = _fewer(times)

    def _of_stretches(self) -> Iterator[Key]:
        """Stacks of the longest times in which threads did not return to their event loop."""
        ctl = self._arrays["ctl"][0]
        threads = self._rows()
        spans = longest(threads, int(ctl["epoch"]), time.monotonic_ns(), _MOST_STRETCHES)
        for slot, begin_ns, end_ns, _is_open in spans:
            keys = [
                (cpu, first + int(row))
                for cpu, first, block in list(self._raw)
                for row in np.flatnonzero(
                    (block["slot"] == slot)
                    & (begin_ns <= block["at_ns"])
                    & (block["at_ns"] <= end_ns)
                )
            ]
            yield from keys[:: max(len(keys) // _STRETCH_STACKS, 1)]
            yield from (
                key
                for key, stack in self._stacks.items()
                if stack.slot == slot and begin_ns <= stack.at_ns <= end_ns
            )

    def _ticking(self) -> Iterator[Key]:
        """Stacks whose node is still to come, of threads that run for long without an event."""
        threads = self._rows()
        for slot in np.flatnonzero(threads["ticks"] != threads["used_ticks"]).tolist():
            keys = ticking_keys(threads[slot])
            yield from keys[:: 1 << max((len(keys) - 1) // _MOST_TICKS, 0).bit_length()]

    def _unwound(
        self,
        nodes: Nodes,
        others: Sequence[Key] = (),
        outside: Mapping[Key, TakenStack] = MappingProxyType({}),
    ) -> dict[Key, TakenStack]:
        """The stacks of these nodes and of the longest stretches, and `others`, unwound; so they
        stay. Those of `outside` too, for this time."""
        with_stacks = nodes[nodes["stacks"] != 0]
        keys = dict.fromkeys(key for node in with_stacks for key in keys_of(node))
        keys.update(dict.fromkeys(others))
        keys.update(dict.fromkeys(self._of_stretches()))
        found = {
            (cpu, first + row): _taken(block[row])
            for cpu, first, block in list(self._raw)
            for row in range(len(block))
            if (cpu, first + row) in keys and (cpu, first + row) not in self._stacks
        }
        both = {**found, **outside}
        unwound = dict(zip(both, self._unwind(list(both.values()), self._unnamed), strict=True))
        self._stacks.update((key, unwound[key]) for key in found)
        kept = {key: self._stacks[key] for key in keys if key in self._stacks}
        return kept | {key: unwound[key] for key in outside}


def _written(
    ring: NDArray[np.void],
    places: NDArray[np.integer[Any]],
    numbers: NDArray[np.integer[Any]],
) -> NDArray[np.void]:
    """What a ring has of these numbers at these places, up to the first that is being written.

    There are later ones in it too: of two that found the last free place at the same time, one has
    overwritten what had not been read. All numbers are read before what they stand for: the
    programs write them behind it, and a CPU may read the words of one copy in any order.
    """
    unwritten = np.flatnonzero(ring["number"][places].astype(np.int64) < numbers)
    return np.asarray(ring[places[: unwritten[0] if len(unwritten) else None]])


def _fewer(times: Mapping[OwnTime, float]) -> defaultdict[OwnTime, float]:
    """The same times; the shortest have lost their stacks."""
    fewer: defaultdict[OwnTime, float] = defaultdict(float)
    for at, one in enumerate(sorted(times, key=lambda one: -times[one])):
        kept = one if at < _MOST_TIMES // 2 else dataclasses.replace(one, stack=None)
        fewer[kept] += times[one]
    return fewer


def _taken(stack: np.void) -> TakenStack:
    tgid, slot, taken, at_ns, first = (
        int(stack[name]) for name in ("tgid", "slot", "taken", "at_ns", "first")
    )
    ip, sp, bp, lr = (int(stack[name]) for name in ("ip", "sp", "bp", "lr"))
    data = memoryview(stack["data"])[: int(stack["bytes"])]  # no copy: there are thousands
    local = stack["local"][len(stack["local"]) - int(stack["local_bytes"]) :].tobytes()
    goroutine = stack["goroutine"].tobytes() if stack["has_goroutine"] else b""
    asyncio, is_int = stack["task"][: int(stack["task_bytes"])].tobytes(), stack["task_is_int"]
    kernel: tuple[int, ...] = ()
    if "kernel" in (stack.dtype.names or ()):
        kernel = tuple(stack["kernel"][: int(stack["kernel_bytes"]) // 8].tolist())
    sample = StackSample(tgid, at_ns, ip, sp, bp, lr, data)
    locals_ = Locals(local, goroutine, asyncio, bool(is_int))
    return TakenStack(slot, taken, at_ns, first, sample, locals_, kernel)
