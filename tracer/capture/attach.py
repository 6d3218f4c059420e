"""Running processes: attach, watch, detach. They are never stopped, changed or ended."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracer.capture.concurrency import Concurrency
from tracer.capture.finish import Closed, Tally, recording_of
from tracer.capture.living import Living
from tracer.capture.python_threads import PythonThreads
from tracer.capture.thread_names import ThreadNames
from tracer.capture.waiting import waiting_stacks
from tracer.capture.window import (
    choose_path,
    close_now,
    end_earlier,
    has_threads,
    open_now,
    processes_of,
)
from tracer.errors import Interrupted, TracerError
from tracer.host.cgroups import members
from tracer.host.processes import arguments, descendants, described, is_kernels, require, tids
from tracer.host.stopping import FirstKept
from tracer.kernel.arrays import Snapshot
from tracer.kernel.engine import Engine
from tracer.kernel.follow import Follower
from tracer.kernel.samples import Sampler
from tracer.kernel.seed import Seeder
from tracer.model.concurrency import Looks
from tracer.model.cost import Calibration, Cost
from tracer.model.recording import Edges, Process, Recording
from tracer.model.states import LOSSES

#: How often new members of a control group, and the end of the last process, are looked for.
_LOOK_S = 0.1
#: A look that takes long is repeated less often: the pause is this many times as long.
_LOOK_PAUSE = 50


@dataclass(frozen=True)
class AttachRequest:
    """What to attach to and for how long.

    The processes `pids` and those of the control group `cgroup`; with `follow` also what they
    have forked and will fork. The window ends after `duration_s`, with the last process, with a
    signal, or when the descriptor `until` can be read; with `interval_s` one window follows
    another. With `most_cpu` windows are longer than that where making them takes more than this
    share of one CPU: of very many threads. `path_of` is as in
    `tracer.capture.window.choose_path`.
    """

    pids: tuple[int, ...] = ()
    cgroup: Path | None = None
    follow: bool = True
    duration_s: float | None = None
    interval_s: float | None = None
    most_cpu: float | None = None
    path_of: str = "busiest"
    until: int | None = None

    def processes(self) -> list[int]:
        """The processes there are now."""
        return self.with_children([*self.pids, *(members(self.cgroup) if self.cgroup else ())])

    def with_children(self, pids: Sequence[int]) -> list[int]:
        """These processes, without threads of the kernel; with `follow` what they have forked."""
        found = [pid for pid in pids if not is_kernels(pid)]
        return descendants(found) if self.follow else list(dict.fromkeys(found))


def attached(
    engine: Engine,
    request: AttachRequest,
    switch_cost_ns: int | None = None,
    on_open: Callable[[int, int], None] = lambda _threads, _processes: None,
    calibration: Calibration | None = None,
    opens: Callable[[Engine], None] = open_now,
) -> Iterator[Recording]:
    """Attach and yield one recording for each window; the last one ends it.

    `opens` opens the first window, or returns when another process has opened it;
    `on_open(threads, processes)` is called when it is open. With `calibration` the programs are
    timed in short samples of the windows.
    A signal ends the last window: it is raised again, as Interrupted, after that was yielded.
    TracerError when there is nothing to attach to.
    """
    for pid in request.pids:
        require(pid)
    pids = request.processes()
    if not pids:
        raise TracerError(f"the control group {request.cgroup} has no processes", exit_code=2)
    here = {tid for pid in pids for tid in tids(pid)}
    if request.path_of.isdecimal() and int(request.path_of) not in here:
        raise TracerError(
            f"--path-of {request.path_of}: these processes have no such thread",
            "its number is that of the host; --path-of busiest takes any",
            exit_code=2,
        )
    engine.arrays.reset()
    engine.ctl["follow"] = int(request.follow)
    tally = Tally(engine)
    engine.ctl["tracer_tid"] = 0  # no wake-up may close this window
    try:
        seeder = Seeder(engine, len(here) * 2)
        engine.attach()
        for pid in pids:
            engine.enter_mappings(pid)
            seeder.add(pid)
        seeder.settle()
        with Concurrency(engine) as concurrency:
            watch = _Watch(engine, request, seeder, tally, pids, switch_cost_ns, concurrency)
            tally.opens()
            opens(engine)
            if calibration is None:
                yield from watch.windows(on_open)
                return
            with Sampler(engine) as sampler:
                for recording in watch.windows(on_open):
                    yield dataclasses.replace(recording, cost=Cost(calibration, sampler.samples))
    finally:
        engine.detach()


@contextlib.contextmanager
def _signal() -> Iterator[tuple[FirstKept, int]]:
    """The first signal, and a descriptor that can be read once it has come."""
    fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    try:
        with FirstKept(lambda: os.eventfd_write(fd, 1)) as signals:
            yield signals, fd
    finally:
        os.close(fd)


class _Watch:
    """The windows of one attachment, one after the other."""

    def __init__(
        self,
        engine: Engine,
        request: AttachRequest,
        seeder: Seeder,
        tally: Tally,
        pids: Sequence[int],
        switch_cost_ns: int | None,
        concurrency: Concurrency,
    ) -> None:
        self._engine, self._request, self._seeder = engine, request, seeder
        self._main = pids[0]
        self._members: set[int] = set()  # of the control group, at the last look
        self._first = {pid: described(pid) for pid in pids}
        self._argv = arguments(self._main)
        self._switch_cost_ns = switch_cost_ns
        self._python = PythonThreads(engine, tally.look)
        self._python.look(outside=True)
        self._tally = tally
        self._follower = Follower(engine) if request.interval_s is not None else None
        self._living = Living(engine)
        self._living.opens()
        self._concurrency = concurrency
        self._names = ThreadNames(engine)

    def windows(self, on_open: Callable[[int, int], None]) -> Iterator[Recording]:
        """A signal ends the window that is open when it comes: what is made of an earlier one,
        here or by whoever asks for them, is made to its end."""
        with _signal() as (signals, came):
            yield from self._windows(on_open, signals, came)

    def _windows(
        self, on_open: Callable[[int, int], None], signals: FirstKept, came: int
    ) -> Iterator[Recording]:
        request = self._request
        due_s = time.monotonic()
        end_s = None if request.duration_s is None else due_s + request.duration_s
        number, stopped = 0, None  # by a signal, but for those of `signals`
        cost_s = before_s = 0.0  # of making the latest window, and the one before
        while True:
            number += 1
            until_s = end_s
            if request.interval_s is not None:
                least_s = max(cost_s, before_s) / (request.most_cpu or float("inf"))
                # windows that are late are not made up for: the last one would come after `end_s`
                due_s = max(due_s + max(request.interval_s, least_s), time.monotonic())
                until_s = min(due_s, end_s or float("inf"))
            try:
                if number == 1:
                    on_open(self._seeder.count, len(processes_of(self._engine)))
                ended = stopped is not None or self._wait(until_s, came)
            except Interrupted as stop:  # a signal of the caller's, as the loss of its terminal
                ended, stopped = True, stop.number
            over = ended or request.interval_s is None or until_s == end_s
            worked_s = time.thread_time()
            kernels = self._names.read()
            edges, looks = self._living.closes(), self._concurrency.closes()
            data = self._ended(over)
            kernels = self._names.with_later(kernels, data["threads"])
            if over:
                self._python.look(outside=True)
            if has_threads(data):
                recording = self._recording(data, self._python.over(kernels), edges, looks)
                stopped = stopped or recording.signalled
                yield recording
                before_s, cost_s = cost_s, time.thread_time() - worked_s  # with what is made of it
            elif number == 1:
                raise TracerError(f"process {self._main} has ended already", exit_code=2)
            if over:
                stopped = signals.signalled or stopped
                if stopped is not None:
                    raise Interrupted(stopped)
                return

    def _ended(self, over: bool) -> Snapshot:
        """The window that ends now; if it is not over, another one begins."""
        if self._follower is None:
            return close_now(self._engine)
        if over:
            return self._follower.last_window(close_now(self._engine))
        return self._follower.next_window()

    def _wait(self, until_s: float | None, came: int) -> bool:
        """Wait until then; True as soon as no process of the target is left, or the end is wanted:
        by the request, or because `came` can be read."""
        while True:
            began_s = time.monotonic()
            if self._request.cgroup is not None:
                self._take_in(set(members(self._request.cgroup)))
            elif not processes_of(self._engine):
                return True
            pause_s = max(_LOOK_S, _LOOK_PAUSE * (time.monotonic() - began_s))
            left_s = float("inf") if until_s is None else until_s - time.monotonic()
            until = (came,) if self._request.until is None else (came, self._request.until)
            if self._python.wait(until, max(min(left_s, pause_s), 0)):
                return True
            if left_s <= 0:
                return False

    def _take_in(self, there: set[int]) -> None:
        """Enter the processes that joined the control group since the last look."""
        for pid in self._request.with_children(sorted(there - self._members)):
            self._engine.enter_mappings(pid)
            self._seeder.add(pid)
        self._members = there
        if self._seeder.settle():
            self._python.rescan()

    def _recording(
        self, data: Snapshot, names: Mapping[int, str], edges: Edges, looks: Looks
    ) -> Recording:
        engine = self._engine
        load = self._tally.closes()
        self._seeder.drop_doubles(data)
        self._argv = arguments(self._main) or self._argv  # it may have called exec
        path_of = self._request.path_of
        if not processes_of(engine):  # the window ends with the last process, as a command's does
            last = self._end_at_last(data)
            path_of = str(last) if last and path_of == "busiest" else path_of
        data["cpus"]["losses"][0, LOSSES.index("thread_table_full")] += self._seeder.refused
        path = choose_path(data, path_of, self._main)
        waiting = waiting_stacks(engine, data)
        closed = Closed(data, load, names, path, waiting, edges=edges, looks=looks)
        recording = recording_of(engine, self._tally, closed)
        return dataclasses.replace(
            recording,
            argv=self._argv,
            switch_cost_ns=self._switch_cost_ns,
            processes=tuple(self._known()),
        )

    @staticmethod
    def _end_at_last(data: Snapshot) -> int:
        """Move the window's end to the end of the last thread; its number, 0 where that row went
        to another thread."""
        threads, ctl = data["threads"], data["ctl"][0]
        last = int(np.where(threads["tid"] != 0, threads["death_ns"], 0).argmax())
        end_earlier(data, max(int(threads["death_ns"][last]), int(ctl["start_ns"]) + 1))
        return int(threads["tid"][last])

    def _known(self) -> Iterator[Process]:
        """The processes of the window that are still there, the first one in any case."""
        there = sorted(processes_of(self._engine) - {self._main})
        for pid in (self._main, *there):
            now = described(pid)
            yield now if now.name else self._first.get(pid, now)
