"""Reads the nodes of the sampled paths, and the stacks, while the programs go on.

Memory stays bounded however long that takes: nodes that no living thread's path needs are dropped,
stacks are unwound from time to time, and when the paths have too many nodes the grid is doubled.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    ticking_keys,
)
from tracer.model.sampling import Sampling
from tracer.model.stacks import StackSample

#: The rings hold what a busy host makes in several times as long.
_LOOK_S = 0.05
#: Copied stacks are unwound when there are so many bytes of them; while that takes long, no more
#: than these are kept.
_MOST_BYTES, _ROOM_BYTES = 128 << 20, 512 << 20
#: Nodes are looked through when there are so many new ones; more needed ones double the grid.
_MOST_NODES = 1 << 18

#: Stretches between two returns to an event loop, and stacks of each, that are kept.
_MOST_STRETCHES, _STRETCH_STACKS = 8, 8

_OF_PATH = WHOSE.index("path")

#: CPU of a stack, and its number there.
Key = tuple[int, int]
#: Unwinds stacks: with their numbers, and the tasks.
Unwind = Callable[[Sequence[TakenStack]], Sequence[TakenStack]]


class PathCollector:
    """Empties the rings of probe stacks from `start` to `stop`, on a thread of its own; another one
    unwinds what they held, which takes longer than the rings have room for.

    `arrays` are the engine's, live.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.void]], unwind: Unwind) -> None:
        self._arrays = arrays
        self._unwind = unwind
        self._sampling = Sampling()
        self._event_loops = EventLoops(arrays)
        self._lock = threading.Lock()  # of all that is kept
        self._unwinding = threading.Lock()
        self._full, self._over = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._failure = ""  # why reading ended early
        self._forget()

    def _forget(self) -> None:
        self._nodes: list[Nodes] = [np.zeros(0, self._arrays["path_nodes"].dtype)]
        #: Copies of `struct user_stack`: of which CPU, the number of the first one, and they.
        self._raw: list[tuple[int, int, NDArray[np.void]]] = []
        self._stacks: dict[Key, TakenStack] = {}  # unwound
        self._new_nodes = self._bytes = 0
        self._times: defaultdict[OwnTime, float] = defaultdict(float)
        self._counted = 0  # the last node in them
        self._lost = 0  # points, up to the last window

    def start(self, sampling: Sampling) -> None:
        """Begin with nothing; paths are sampled from here on."""
        self.stop()
        self._forget()
        self._sampling = sampling
        self._event_loops = EventLoops(self._arrays)
        for name in ("path_nodes", "user_stacks"):
            self._arrays[name]["number"] = 0  # those of an earlier run have the same numbers
        self._arrays["sampling"][0]["grid_ns"] = sampling.grid_ns
        self._arrays["sampling"][0]["every"] = 1
        self._over.clear()
        self._full.clear()
        self._failure = ""
        for target in (self._follow, self._keep_small):
            self._threads.append(
                threading.Thread(target=self._run, args=(target,), name="stacks", daemon=True)
            )
            self._threads[-1].start()

    def stop(self) -> None:
        """Stop reading, after the programs have been detached."""
        self._over.set()
        self._full.set()
        while self._threads:
            self._threads.pop().join()
        if "sampling" in self._arrays:
            with self._lock:
                self._read()

    def collected(self, ends: Sequence[int], others: Sequence[Key] = ()) -> SampledPaths:
        """What the paths that end with these nodes need, with all stacks and `others` unwound."""
        with self._unwinding:
            with self._lock:
                self._read()
                nodes = self._settled()
            self._count_times(nodes)
            times, self._times = self._times, defaultdict(float)
            nodes = nodes[needed(nodes, ends, int(self._arrays["sampling"][0]["made"]))]
            stacks = self._unwound(nodes, others)
        sampling = self._arrays["sampling"][0]
        before, self._lost = self._lost, int(sampling["lost"])
        return SampledPaths(int(sampling["grid_ns"]), nodes, stacks, self._lost - before, times,
                            self._failure)  # fmt: skip

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
            with self._lock:
                self._read()
            if self._new_nodes > _MOST_NODES or self._bytes > _MOST_BYTES:
                self._full.set()

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
            found = _written(ring[numbers % len(ring)], numbers)
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
        found = _written(stacks[cpu * size + numbers % size], numbers + 1)
        found["slot"][found["number"] != numbers[: len(found)] + 1] = 0  # nobody's
        if self._bytes < _ROOM_BYTES:
            self._raw.append((cpu, first, found))
            self._bytes += found.nbytes
        row["read"] = first + len(found)

    def _settled(self) -> Nodes:
        """All nodes, with what the programs have added to them since they were read."""
        nodes = np.concatenate(self._nodes)
        ring = self._arrays["path_nodes"]
        for row in np.flatnonzero(nodes["settled"] == 0):
            late = ring[int(nodes["number"][row]) % len(ring)]
            if late["number"] == nodes["number"][row]:
                nodes[row] = late
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
            grid_ns = int(sampling["grid_ns"])
            start_ns = int(self._arrays["ctl"][0]["start_ns"])
            nodes = coarsened(nodes, grid_ns, start_ns, ends, made)
            sampling["grid_ns"] = 2 * grid_ns
            sampling["every"] *= 2  # so a tick stands for as many points as before
        self._stacks = self._unwound(nodes, ticking)
        with self._lock:
            self._nodes.insert(0, nodes)
            del self._raw[:before]

    def _ends(self) -> set[int]:
        """The last nodes of all paths; also of those of the window before, where one follows the
        other: it may not have been read yet."""
        ctl = self._arrays["ctl"][0]
        threads = self._arrays["threads"][: int(ctl["next_slot"])]
        found = set(np.unique(threads["node"]).tolist())
        kept = self._arrays["threads_before"][: len(threads)]
        of_last = kept["epoch"].astype(np.int64) + 1 == int(ctl["epoch"])
        return found | set(np.unique(kept["node"][of_last]).tolist())

    def _count_times(self, nodes: Nodes) -> None:
        """Add the threads' own time in new nodes, before those that no path needs are dropped."""
        if not self._sampling.all_threads:
            return
        new = nodes[(nodes["number"] > self._counted) & (nodes["whose"] != _OF_PATH)]
        self._counted = int(nodes["number"].max(initial=self._counted))
        self._unwound(new)
        weight = int(self._arrays["sampling"][0]["grid_ns"]) / self._sampling.grid_ns
        for node in new:
            slot, part, call = (int(node[name]) for name in ("slot", "part", "call"))
            stacks = [self._stacks[key].number for key in keys_of(node) if key in self._stacks]
            for stack in stacks or [-1]:
                points = weight * int(node["points"]) / max(len(stacks), 1)
                self._times[OwnTime(slot, part, call, stack)] += points

    def _of_stretches(self) -> Iterator[Key]:
        """Stacks of the longest times in which threads did not return to their event loop."""
        threads = self._arrays["threads"]
        for slot in np.argsort(threads["stretch_ns"])[-_MOST_STRETCHES:].tolist():
            thread = threads[slot]
            end_ns = int(thread["stretch_end_ns"])
            begin_ns = end_ns - int(thread["stretch_ns"])
            if not end_ns:
                continue
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
        threads = self._arrays["threads"][: int(self._arrays["ctl"][0]["next_slot"])]
        for slot in np.flatnonzero(threads["ticks"] != threads["used_ticks"]).tolist():
            yield from ticking_keys(threads[slot])

    def _unwound(self, nodes: Nodes, others: Sequence[Key] = ()) -> dict[Key, TakenStack]:
        """The stacks of these nodes and of the longest stretches, and `others`, unwound; so they
        stay."""
        keys = dict.fromkeys(key for node in nodes for key in keys_of(node))
        keys.update(dict.fromkeys(others))
        keys.update(dict.fromkeys(self._of_stretches()))
        found = {
            (cpu, first + row): block[row]
            for cpu, first, block in list(self._raw)
            for row in range(len(block))
            if (cpu, first + row) in keys and (cpu, first + row) not in self._stacks
        }
        unwound = self._unwind([_taken(stack) for stack in found.values()])
        self._stacks.update(zip(found, unwound, strict=True))
        return {key: self._stacks[key] for key in keys if key in self._stacks}


def _written(found: NDArray[np.void], numbers: NDArray[np.integer[Any]]) -> NDArray[np.void]:
    """What a ring has of these numbers, up to the first one that is being written.

    There are later ones in it too: of two that found the last free place at the same time, one has
    overwritten what had not been read.
    """
    unwritten = np.flatnonzero(found["number"].astype(np.int64) < numbers)
    return found[: unwritten[0] if len(unwritten) else None]


def _taken(stack: np.void) -> TakenStack:
    tgid, slot, taken, at_ns, first = (
        int(stack[name]) for name in ("tgid", "slot", "taken", "at_ns", "first")
    )
    ip, sp, bp, lr = (int(stack[name]) for name in ("ip", "sp", "bp", "lr"))
    data = stack["data"][: int(stack["bytes"])].tobytes()
    local = stack["local"][len(stack["local"]) - int(stack["local_bytes"]) :].tobytes()
    goroutine = stack["goroutine"].tobytes() if stack["has_goroutine"] else b""
    asyncio, is_int = stack["task"][: int(stack["task_bytes"])].tobytes(), stack["task_is_int"]
    kernel: tuple[int, ...] = ()
    if "kernel" in (stack.dtype.names or ()):
        kernel = tuple(stack["kernel"][: int(stack["kernel_bytes"]) // 8].tolist())
    sample = StackSample(tgid, at_ns, ip, sp, bp, lr, data)
    locals_ = Locals(local, goroutine, asyncio, bool(is_int))
    return TakenStack(slot, taken, at_ns, first, sample, locals_, kernel)
