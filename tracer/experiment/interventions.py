"""Changes that switch one mechanism off for one run: of the target alone, or undone at its end.

Nothing is written to sysctl or sysfs. Each change lasts as long as a file descriptor or a process
that ends with tracer, so that even kill -9 undoes it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tracer.capture.child import die_with_parent
from tracer.errors import TracerError
from tracer.model.spec import Spec

_LATENCY = "/dev/cpu_dma_latency"


@dataclass(frozen=True)
class Changes:
    """How a target is started differently."""

    policy: str = ""


@contextlib.contextmanager
def _polling() -> Iterator[Changes]:
    """Idle CPUs poll and do not sleep while a latency of 0 is requested through an open file."""
    try:
        held = os.open(_LATENCY, os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        raise TracerError(
            f"cannot hold {_LATENCY}: {error.strerror}", "the kernel needs CONFIG_CPU_IDLE"
        ) from None
    try:
        os.write(held, struct.pack("=i", 0))
        yield Changes()
    finally:
        os.close(held)


@contextlib.contextmanager
def _batch() -> Iterator[Changes]:
    """A thread of SCHED_BATCH does not preempt the one that woke it."""
    yield Changes(policy="batch")


@contextlib.contextmanager
def _spinners() -> Iterator[Changes]:
    """A SCHED_IDLE process on each CPU: no CPU ever sleeps, and any other thread preempts it."""
    parent, started = os.getpid(), []
    try:
        for cpu in sorted(os.sched_getaffinity(0)):
            pid = os.fork()
            if pid == 0:
                try:
                    die_with_parent(parent)
                    for number in (signal.SIGINT, signal.SIGTERM):
                        signal.signal(number, signal.SIG_DFL)
                    os.setpgid(0, 0)
                    os.sched_setaffinity(0, {cpu})
                    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
                    while True:
                        pass
                finally:
                    os._exit(1)
            started.append(pid)
        yield Changes()
    finally:
        for pid in started:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@contextlib.contextmanager
def _nothing() -> Iterator[Changes]:
    yield Changes()


_KNOWN: dict[str, Callable[[], contextlib.AbstractContextManager[Changes]]] = {
    "": _nothing,
    "polling": _polling,
    "batch": _batch,
    "spinners": _spinners,
}


def applied(name: str) -> contextlib.AbstractContextManager[Changes]:
    """The intervention, in effect inside the context."""
    return _KNOWN[name]()


def changed(spec: Spec, changes: Changes) -> Spec:
    """How to start the target under these changes."""
    return dataclasses.replace(spec, policy=changes.policy) if changes.policy else spec


def why_not(name: str) -> str | None:
    """Why the intervention is not possible on this host; None when it is."""
    try:
        with applied(name):
            return None
    except TracerError as error:
        return error.message
