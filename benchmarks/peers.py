"""Other tools at the same job: how each is started, and what it can and cannot tell."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.blocks import Run
from benchmarks.subject import Subject, run_of
from tracer.capture.workload import run_untraced
from tracer.errors import TracerError

#: As the user has it: BCC settings made for tracer's own programs are not for other tools.
ENVIRONMENT = dict(os.environ)
_SCRIPT = Path(__file__).with_name("like.bt")
_START_S, _STOP_S = 30.0, 20.0
#: tracefs is mounted for the tool alone, in a mount namespace, where the host has not mounted it.
_WITH_TRACEFS = (
    *("unshare", "-m", "sh", "-c"),
    '[ -e /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing; exec "$@"',
    "sh",
)


@dataclass(frozen=True)
class Peer:
    """A tool. `started` commands run beside the workload, `around` starts it.

    `ready` is what a started command prints once it traces (empty: any output). `share` is how
    many of the subject's iterations a slow tool gets: the figure is per unit of work.
    """

    name: str
    needs: Sequence[Sequence[str]]
    package: str
    tells: str
    started: Sequence[Sequence[str]] = ()
    ready: Sequence[str] = ()
    around: Sequence[str] = ()
    share: float = 1.0

    def missing(self) -> str:
        """Why it cannot be run here; empty when its commands are installed."""
        for names in self.needs:
            if not any(shutil.which(name) for name in names):
                return f"{names[0]} is not installed (package {self.package})"
        return ""

    def run(self, subject: Subject) -> Run:
        """The workload under this tool; TracerError with the tool's own words when it fails."""
        with tempfile.TemporaryDirectory(prefix="tracer-bench-") as scratch:
            said = Path(scratch) / "stderr"
            around = [word.replace("SCRATCH", scratch) for word in self.around]
            if around:
                around = ["sh", "-c", f'exec "$@" 2>{said}', "sh", *around]
            with _environment(), _running(self.started, self.ready, scratch):
                try:
                    return run_of(run_untraced(subject.spec(around)))
                except TracerError as error:
                    words = _reason(said.read_bytes()) if said.exists() else error.message
                    raise TracerError(f"{self.name}: {words}") from error


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    own = dict(os.environ)
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(own)


@contextlib.contextmanager
def _running(
    commands: Sequence[Sequence[str]], ready: Sequence[str], scratch: str
) -> Iterator[None]:
    """The commands, all tracing; ended by SIGINT, as a user would, so that they print."""
    children: list[subprocess.Popen[bytes]] = []
    try:
        for number, (command, word) in enumerate(zip(commands, ready, strict=True)):
            with (Path(scratch) / f"stderr-{number}").open("w+b") as errors:
                child = subprocess.Popen(
                    [*_WITH_TRACEFS, _found(command[0]), *command[1:]],
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1"},
                )
                children.append(child)
                traces, words = _said(child, word)
                if not traces:
                    errors.seek(0)
                    raise TracerError(f"{command[0]}: {_reason(words + errors.read())}")
        yield
    finally:
        for child in children:
            child.send_signal(signal.SIGINT)
        for child in children:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Wait for its end; it has been asked to."""
    try:
        child.communicate(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def _found(name: str) -> str:
    """The command, or its name on Debian (`-bpfcc`)."""
    return shutil.which(name) or shutil.which(f"{name}-bpfcc") or name


def _said(child: subprocess.Popen[bytes], word: str) -> tuple[bool, bytes]:
    """Wait until the child prints `word`: whether it did before it ended, and all it printed."""
    assert child.stdout is not None
    deadline, seen = time.monotonic() + _START_S, b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if not selector.select(deadline - time.monotonic()):
                continue
            chunk = os.read(child.stdout.fileno(), 4096)
            if not chunk:
                return False, seen
            seen += chunk
            if word.encode() in seen:
                return True, seen
    return False, seen


def _reason(errors: bytes) -> str:
    """The line that says most: the first with `error` in it, else the last one."""
    lines = [line.strip() for line in errors.decode(errors="replace").splitlines() if line.strip()]
    telling = [
        x for x in lines if re.search(r"error: (?!unknown error -1)|unable to find", x, re.I)
    ]
    chosen = (telling or lines or ["it ended without a word"])[0 if telling else -1]
    return "".join(c for c in chosen if c.isprintable())


PEERS = (
    Peer(
        "bpftrace",
        (("bpftrace",), ("unshare",)),
        "bpftrace",
        "counts and latency of switches, wake-ups, calls; no cause, no path, steps of an octave",
        started=(("bpftrace", str(_SCRIPT)),),
        ready=("attached",),
    ),
    Peer(
        "syscount -L, runqlat",
        (("syscount", "syscount-bpfcc"), ("runqlat", "runqlat-bpfcc"), ("unshare",)),
        "bpfcc-tools",
        "sum per call, a histogram of run-queue latency; no split of the elapsed time",
        started=(("syscount", "-L"), ("runqlat",)),
        ready=("Tracing", "Tracing"),
    ),
    Peer(
        "perf sched record",
        (("perf",),),
        "linux-perf",
        "every switch and wake-up, to be looked at later; no system calls",
        around=("perf", "sched", "record", "-o", "SCRATCH/perf.data", "--"),
    ),
    Peer(
        "perf trace -s",
        (("perf",),),
        "linux-perf",
        "per thread and call: count, time, errors; no switches, no cause",
        around=("perf", "trace", "-s", "-o", "SCRATCH/trace.txt", "--"),
        share=0.3,
    ),
    Peer(
        "strace -c -f",
        (("strace",),),
        "strace",
        "count, errors and system time per call; no switches; it stops the program twice a call",
        around=("strace", "-c", "-f", "-o", "SCRATCH/strace.txt"),
        share=0.05,
    ),
)
