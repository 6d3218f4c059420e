"""The last CPU goes off line and back on while tracer works: reports are right, nothing hangs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from _tracer import RESULTS, TRACER, Job, faults, run, told

SYSFS = Path("/sys/devices/system/cpu")
LAST = max(int(path.name[3:]) for path in SYSFS.glob("cpu[0-9]*"))
SMALL = ("thread-brigade", "--tasks", "50", "--iters", "20", "--no-baseline")
LONG = ("thread-brigade", "--tasks", "50", "--iters", "600", "--no-baseline")
#: Two threads that pass a byte on.
BUSY = """
import os, threading, time
r, w = os.pipe()
def write():
    while True:
        os.write(w, b"x")
        time.sleep(0.002)
threading.Thread(target=write, daemon=True).start()
while True:
    os.read(r, 1)
"""
job = Job()


def put(online: bool) -> None:
    (SYSFS / f"cpu{LAST}" / "online").write_text(str(int(online)))


def check(
    name: str,
    words: tuple[str, ...],
    meanwhile: Callable[[threading.Event], None],
    *,
    tells: bool = False,
) -> None:
    """Run tracer while `meanwhile` puts the CPU off and on line, until the event is set; `tells`:
    the report has to tell that it was off line."""
    over = threading.Event()
    thread = threading.Thread(target=meanwhile, args=(over,))
    thread.start()
    try:
        done = run(name, (TRACER, *words), limit_s=300)
    finally:
        over.set()
        thread.join()
        put(True)
    if done.document is None:
        job.row(name, faults(done))
        return
    book = done.document["ledgers"]["cpu"]
    offline_ns, all_ns = book["parts"]["offline"], book["total_ns"] // os.cpu_count()
    silent = ["the time off line is not told"] if tells and not 0 < offline_ns < all_ns else []
    job.row(
        name,
        [*faults(done), *silent],
        f"off line {offline_ns / max(all_ns, 1):.0%} of one CPU, {told(done.document)}",
    )


def off(over: threading.Event) -> None:
    over.wait(_until_it_runs(over))
    put(False)


def on(over: threading.Event) -> None:
    put(False)
    over.wait(_until_it_runs(over))
    put(True)


def toggled(over: threading.Event, pause_s: float = 0.3) -> None:
    over.wait(_until_it_runs(over))
    while not over.wait(pause_s):
        put(False)
        over.wait(pause_s)
        put(True)


def at_the_start(over: threading.Event) -> None:
    """While tracer sets itself up: compiling, visiting the CPUs, opening their clocks."""
    while not over.wait(0.02):
        put(False)
        over.wait(0.02)
        put(True)


def _until_it_runs(over: threading.Event) -> float:
    """Wait until a workload's window is surely open; how long to wait then, s."""
    for _ in range(400):
        words = ("pgrep", "-x", "thread-brigade|python3")
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            break
        if over.wait(0.1):
            break
    return 3.0


def main() -> int:
    if not (SYSFS / f"cpu{LAST}" / "online").exists():
        job.row("hotplug", [f"CPU {LAST} cannot go off line"])
        return job.end()
    check("off-during", ("run", *LONG), off, tells=True)
    check("on-during", ("run", *LONG), on, tells=True)
    check("toggled", ("run", *LONG), toggled)
    check("pinned-toggled", ("run", *LONG, "--cpus", f"{LAST - 1},{LAST}"), toggled)
    target = subprocess.Popen((sys.executable, "-c", BUSY))
    time.sleep(1)
    attach = ("attach", str(target.pid), "--duration", "8")
    check("attach-toggled", attach, toggled)
    check("attach-all-toggled", (*attach, "--probe", "all"), toggled)
    job.row("target", [] if target.poll() is None else ["the target died"])
    target.kill()
    target.wait()
    for number in range(2):
        check(f"start-{number}", ("run", *SMALL), at_the_start)
    online = (SYSFS / "online").read_text().strip()
    print(f"CPUs on line at the end: {online} of {os.cpu_count()} ({RESULTS})", flush=True)
    return job.end()


if __name__ == "__main__":
    sys.exit(main())
