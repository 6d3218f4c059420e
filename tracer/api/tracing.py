"""`tracer.trace`: a block of this process, another process, or one function in a child."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from tracer import probes as known_probes
from tracer.api.channel import Window
from tracer.api.helper import Helper, OpenWindow
from tracer.api.report import Report
from tracer.errors import TracerError
from tracer.experiment.tracing import Tracing

if TYPE_CHECKING:
    from tracer.analysis.run.summary import Summary

_T = TypeVar("_T")
#: The busiest threads that a report lists one by one.
TOP = 20


class _OneAtATime:
    """What this process traces just now: at most one block. A process that it forks has none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Trace | None = None
        self._thread = ""
        os.register_at_fork(after_in_child=self._forked)

    def begin(self, one: Trace) -> None:
        """TracerError while another block is traced."""
        with self._lock:
            if self._current is not None:
                raise TracerError(
                    f"this process traces a block already, in its thread {self._thread}: blocks"
                    " that are traced cannot be nested or overlap",
                    "end that one first, or read the parts from one report: calls, groups, places",
                    exit_code=2,
                )
            self._current, self._thread = one, threading.current_thread().name

    def end(self) -> None:
        self._current = None

    def _forked(self) -> None:
        """The block is the parent's; the child leaves its copy of it without doing anything."""
        self._lock = threading.Lock()
        if self._current is not None:
            self._current.forget()


_ACTIVE = _OneAtATime()


def tracing_of(probes: str | Sequence[str] | None, light: bool, top: int) -> Tracing:
    """The arguments of `trace` as data; TracerError for an unknown probe."""
    texts = (probes,) if isinstance(probes, str) else tuple(probes or known_probes.DEFAULT)
    names = known_probes.chosen(texts)
    if light and "stacks" in names:
        raise TracerError(
            "the probe stacks samples where system calls are seen",
            "leave out light=True or the probe stacks",
            exit_code=2,
        )
    return Tracing(names, light, top)


class Trace(Report):
    """A block that is traced, and its report after its end. Made by `tracer.trace`; good for one
    block."""

    def __init__(
        self,
        tracing: Tracing,
        pids: Sequence[int] = (),
        *,
        follow: bool = True,
        units: int | None = None,
        path_of: str = "",
        helper: Helper | None = None,
    ) -> None:
        super().__init__(None)
        #: Units of work done in the block, for counts per unit; can be set until it ends.
        self.units_done = units
        self._tracing, self._pids = tracing, tuple(pids)
        self._follow, self._path_of = follow, path_of
        self._shared_helper = helper
        self._is_used = False
        self._stack = contextlib.ExitStack()
        self._window: OpenWindow | None = None

    def _why_none(self) -> str:
        if not self._is_used:
            return "nothing was traced yet"
        return "the block was not traced" if self._window is None else "the block has not ended yet"

    def __enter__(self) -> Trace:
        pids = self._pids or (os.getpid(),)
        # the block begins and ends in this thread: its path is where the block's time went
        here = str(threading.get_native_id())
        path_of = self._path_of or ("busiest" if self._pids else here)
        self._begin(Window(pids, self._follow, path_of)).open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._window is None:
            return  # a process that was forked in the block leaves it too
        self._window.close()
        try:
            self._end()
        except TracerError:
            if error is None:  # else what ended the block matters more
                raise

    def call(self, function: Callable[..., _T], /, *args: object, **kwargs: object) -> _T:
        """Call a function in a child of this process, which is forked for it, and trace that alone:
        its result, or its exception, is returned here.

        The result is pickled to come here, and that is in the report. TracerError where the child
        is killed, or where its result cannot be pickled; then the report is there too.
        """
        from tracer.api.child import Child

        if self._pids:
            raise TracerError(
                "trace(pid=...) is about that process, call() about a child of its own",
                "tracer.trace().call(function, ...)",
                exit_code=2,
            )
        with Child(function, args, kwargs) as child:
            path_of = self._path_of or "busiest"
            self._begin(Window((child.pid,), self._follow, path_of)).open()
            try:
                child.go()
                child.wait()
            except BaseException:
                self._drop()
                raise
            self._end()  # the window has ended with its process
        result: _T = child.result()
        return result

    def _begin(self, wanted: Window) -> OpenWindow:
        """Attach; nothing but opening the window is left to do."""
        if self._is_used:
            raise TracerError(
                "this trace was used for a block already",
                "make another one for each block: with tracer.trace() as t:",
                exit_code=2,
            )
        _ACTIVE.begin(self)
        try:
            self._stack.callback(_ACTIVE.end)
            helper = self._shared_helper
            if helper is None:
                helper = self._stack.enter_context(contextlib.closing(Helper(self._tracing)))
            self._window = helper.attach(wanted)
        except BaseException:
            self._drop()
            raise
        self._is_used = True
        return self._window

    def _end(self) -> None:
        """Take the summary of the window."""
        assert self._window is not None
        try:
            self._take(self._window.summary(self.units_done))
        finally:
            self._drop()

    def _take(self, summary: Summary) -> None:
        from tracer.analysis.run.document import document

        self._document, self._made_of = document(summary), summary

    def _drop(self) -> None:
        self._window = None
        self._stack.close()

    def forget(self) -> None:
        """In a child that was forked in the block: the helper belongs to its parent."""
        self._drop()


def trace(
    *,
    probes: str | Sequence[str] | None = None,
    pid: int | Sequence[int] | None = None,
    follow: bool = True,
    units: int | None = None,
    light: bool = False,
    top: int = TOP,
    path_of: int | str | None = None,
) -> Trace:
    """Trace a block of code: `with tracer.trace() as t: ...`; after it `t` is its report.

    The window is the block: nothing of tracer's is in it. A helper process does the work; it takes
    about a second to start, before the block begins. One block at a time in a process, from any of
    its threads.

    Parameters
    ----------
    probes:
        Detail to keep, as for `tracer attach --probe`: `"sched,syscalls"`, `"+stacks"` (those of
        the default and stacks), `"all"`, or a list of names.
    pid:
        Trace this process, or these, instead of the one that the block is in.
    follow:
        Trace children too: those that are there and those that are forked in the block.
    units:
        Units of work done in the block, for counts per unit. Where it is known only at the end,
        set `t.units_done` in the block.
    light:
        Leave the system-call tracepoints out: cheaper, but on-CPU time is not split.
    top:
        How many of the busiest threads are listed one by one.
    path_of:
        The thread whose critical path is reported: a number, `"main"` or `"busiest"`. By default
        the thread that the block is in; of another process the busiest one.

    Raises
    ------
    CannotTraceError
        From the beginning of the block on: without rights for BPF, in a PID namespace of its own,
        without BCC or kernel support, with what is missing.
    TracerError
        For an unknown probe, a process that there is not, and a block inside another one.
    """
    pids = () if pid is None else (pid,) if isinstance(pid, int) else tuple(pid)
    if pid is not None and not pids:
        raise TracerError("trace(pid=[]) names no process", "name at least one", exit_code=2)
    return Trace(
        tracing_of(probes, light, top),
        pids,
        follow=follow,
        units=units,
        path_of="" if path_of is None else str(path_of),
    )
