"""Other tools for the same job: how each is started, and what it reports."""

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

from benchmarks.conditions import RunResult
from benchmarks.subject import Subject
from tracer.capture.workload import run_untraced
from tracer.errors import TracerError

#: The user's: the BCC settings that tracer makes for its own programs are not for other tools.
ENVIRONMENT = dict(os.environ)
_SCRIPT = Path(__file__).with_name("like.bt")
_START_S, _STOP_S = 30.0, 20.0
#: Mounts tracefs, where the host has not, in a mount namespace that only the tool sees.
_WITH_TRACEFS = (
    *("unshare", "-m", "sh", "-c"),
    '[ -e /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing; exec "$@"',
    "sh",
)


@dataclass(frozen=True)
class Peer:
    """A tool, started beside the workload (`beside`) or as the one that starts it (`around`).

    `needs` has the names of each command it needs, any of which will do. `ready` is what each
    `beside` command prints once it traces. `reports` says what its user learns. `share` is the
    part of the subject's iterations that a slow tool gets: the figure is per unit of work.
    """

    name: str
    needs: Sequence[Sequence[str]]
    package: str
    reports: str
    beside: Sequence[Sequence[str]] = ()
    ready: Sequence[str] = ()
    around: Sequence[str] = ()
    share: float = 1.0

    def missing(self) -> str:
        """Why it cannot be run here; empty when its commands are installed."""
        for names in self.needs:
            if not any(shutil.which(name) for name in names):
                return f"{names[0]} is not installed (package {self.package})"
        return ""

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """A tool that runs `beside` traces meanwhile."""
        with (
            tempfile.TemporaryDirectory(prefix="tracer-bench-") as scratch,
            _users_environment(),
            _running(self.beside, self.ready, scratch),
        ):
            yield

    def run(self, subject: Subject) -> RunResult:
        """The workload under this tool; TracerError with the tool's own message when it fails."""
        with tempfile.TemporaryDirectory(prefix="tracer-bench-") as scratch:
            log = Path(scratch) / "stderr"
            around = [word.replace("SCRATCH", scratch) for word in self.around]
            if around:
                around = ["sh", "-c", f'exec "$@" 2>{log}', "sh", *around]
            with _users_environment(), _running(self.beside, self.ready, scratch):
                try:
                    return run_untraced(subject.spec(around))
                except TracerError as error:
                    reason = _reason(log.read_bytes()) if log.exists() else error.message
                    raise TracerError(f"{self.name}: {reason}") from error


@contextlib.contextmanager
def _users_environment() -> Iterator[None]:
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
    """The commands, from when all of them trace; ended by SIGINT, at which they print."""
    children: list[subprocess.Popen[bytes]] = []
    try:
        for number, (command, text) in enumerate(zip(commands, ready, strict=True)):
            with (Path(scratch) / f"stderr-{number}").open("w+b") as errors:
                child = subprocess.Popen(
                    [
                        *(*_WITH_TRACEFS, _path_of(command[0])),
                        *(word.replace("SCRATCH", scratch) for word in command[1:]),
                    ],
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1"},
                )
                children.append(child)
                is_ready, output = _wait_for(child, text)
                if not is_ready:
                    errors.seek(0)
                    raise TracerError(f"{command[0]}: {_reason(output + errors.read())}")
        yield
    finally:
        for child in children:
            child.send_signal(signal.SIGINT)
        for child in children:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Wait until it has ended, after its SIGINT; kill it when it does not."""
    try:
        child.communicate(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def _path_of(name: str) -> str:
    """The command's path; Debian adds `-bpfcc` to the name."""
    return shutil.which(name) or shutil.which(f"{name}-bpfcc") or name


def _wait_for(child: subprocess.Popen[bytes], text: str) -> tuple[bool, bytes]:
    """Wait until the child prints `text`: whether it did, and its output up to then."""
    assert child.stdout is not None
    deadline, output = time.monotonic() + _START_S, b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if not selector.select(deadline - time.monotonic()):
                continue
            chunk = os.read(child.stdout.fileno(), 4096)
            if not chunk:
                return False, output
            output += chunk
            if text.encode() in output:
                return True, output
    return False, output


def _reason(errors: bytes) -> str:
    """The first line with an error in it, else the last line."""
    lines = [line.strip() for line in errors.decode(errors="replace").splitlines() if line.strip()]
    errors_in = [
        x for x in lines if re.search(r"error: (?!unknown error -1)|unable to find", x, re.I)
    ]
    chosen = (errors_in or lines or ["it ended without a message"])[0 if errors_in else -1]
    return "".join(c for c in chosen if c.isprintable())


PEERS = (
    Peer(
        "bpftrace",
        (("bpftrace",), ("unshare",)),
        "bpftrace",
        "counts and latency of switches, wake-ups, calls; no cause, no path, steps of an octave",
        beside=(("bpftrace", str(_SCRIPT)),),
        ready=("attached",),
    ),
    Peer(
        "syscount -L, runqlat",
        (("syscount", "syscount-bpfcc"), ("runqlat", "runqlat-bpfcc"), ("unshare",)),
        "bpfcc-tools",
        "sum per call, a histogram of run-queue latency; no split of the elapsed time",
        beside=(("syscount", "-L"), ("runqlat",)),
        ready=("Tracing", "Tracing"),
    ),
    Peer(
        "perf sched record -a",
        (("perf",), ("unshare",)),
        "linux-perf",
        "every switch and wake-up, in a file to be analysed later; no system calls",
        beside=(
            (
                *("perf", "sched", "record", "-a", "-o", "SCRATCH/perf.data", "--"),
                *("sh", "-c", "echo recording; exec sleep infinity"),
            ),
        ),
        ready=("recording",),
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
