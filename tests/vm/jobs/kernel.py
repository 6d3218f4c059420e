"""tracer in many ways on this kernel: each report against the guest's own sources (arithmetic,
strace, getrusage, /proc). Run by itself with names of cases, it runs only those."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from _tracer import RESULTS, TRACER, Document, Done, Job, calls, count_is, faults, run, told

TASKS, ITERS = 50, 100
SIZE = ("--tasks", str(TASKS), "--iters", str(ITERS), "--no-baseline")
#: One per byte: the tasks of the chain and the thread that begins and ends it.
RECEIVES = (TASKS + 1) * ITERS
USER = ("setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups")
#: Two threads that pass a byte on.
BUSY = """
import os, threading, time
r, w = os.pipe()
def write():
    while True:
        os.write(w, b"x")
        time.sleep(0.005)
threading.Thread(target=write, daemon=True).start()
while True:
    os.read(r, 1)
"""
#: A command whose calls strace counts too.
COUNTED = """
import os
for _ in range(300):
    os.getppid()
    os.stat("/")
os.close(os.open("/etc/passwd", 0))
"""
#: How often Python makes these depends on its environment.
UNCOUNTED = {"execve", "exit_group", "brk", "mmap", "munmap", "rt_sigprocmask"}

Expect = Callable[[Document], list[str]]
job = Job()


def judge(name: str, done: Done, *expectations: Expect) -> None:
    found = faults(done, may_lose=("recursion",))
    if done.document is not None:
        for expect in expectations:
            found += expect(done.document)
    job.row(name, found, told(done.document) if done.document is not None else "")


def workload(name: str, *words: str, expect: Sequence[Expect] = ()) -> None:
    judge(name, run(name, (TRACER, "run", *words)), *expect)


def received(document: Document) -> int:
    """Receives that found a byte: a task that is polled too early gets EAGAIN."""
    return sum(
        call["calls"] - call["errors"].get("EAGAIN", 0)
        for call in document["syscalls"]
        if call["name"] == "recvfrom"
    )


ALL_RECEIVED = count_is(received, RECEIVES, "receives that found a byte")


def doctor() -> None:
    done = run("doctor", (TRACER, "doctor"), report=False)
    problems = [line for line in done.out.splitlines() if line.startswith("problem ")]
    probes = re.search(r"^\w+ +probes +(.*)$", done.out, re.M)
    found = problems + ([] if done.status == 0 else [f"exit status {done.status}"])
    job.row("doctor", found, probes[1] if probes else done.err.strip()[-200:])


def thread() -> None:
    workload("thread", "thread-brigade", *SIZE, expect=[ALL_RECEIVED])


def process() -> None:
    workload("process", "process-brigade", *SIZE, expect=[ALL_RECEIVED])


def async_tasks() -> None:
    workload("async", "async-brigade", *SIZE, expect=[ALL_RECEIVED])


def all_probes() -> None:
    def woken_by_something(document: Document) -> list[str]:
        """A CPU in a halt state is woken by something."""
        sent: dict[str, int] = {}
        for wake in document["idle"]["wakeups"]:
            for what, times in wake["sent"].items():
                sent[what] = sent.get(what, 0) + (times or 0)
        is_right = sent.get("nothing", 0) <= 0.2 * sum(sent.values())
        return [] if is_right else [f"idle CPUs were woken by {sent}"]

    expect = [ALL_RECEIVED, woken_by_something]
    workload("all-thread", "thread-brigade", *SIZE, "--probe", "all", expect=expect)
    workload("all-async", "async-brigade", *SIZE, "--probe", "all", expect=[ALL_RECEIVED])


def uring() -> None:
    def operations(document: Document) -> list[str]:
        uring = document["io_uring"]
        found = {one["name"]: one["submitted"] for one in uring["operations"] or ()}
        return (
            []
            if found == {"recv": RECEIVES, "send": RECEIVES}
            else [
                f"operations {found}, submitted by io_uring_enter {uring['submitted_by_enters']},"
                f" not recv and send {RECEIVES} each"
            ]
        )

    workload("uring", "uring-brigade", *SIZE, "--probe", "all", expect=[operations])


def futex() -> None:
    workload("futex", "thread-mem-brigade", *SIZE, "--probe", "futex,sched,syscalls")


def light() -> None:
    workload("light", "thread-brigade", *SIZE, "--light")


def command() -> None:
    words = ("sh", "-c", "ls -R /usr | wc -l")
    alone = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    done = run("command", (TRACER, "run", "--", *words))
    judge("command", done, lambda _: [] if alone in done.out else [f"its output is not {alone}"])


def strace() -> None:
    words = (sys.executable, "-I", "-S", "-c", COUNTED)
    text = RESULTS / "strace.txt"
    with Path(os.devnull).open("w") as null:
        subprocess.run(
            ("strace", "-f", "-c", "-o", str(text), *words), stdout=null, stderr=null, check=True
        )
    truth = {}
    for line in text.read_text().splitlines():
        fields = line.split()
        if len(fields) >= 5 and fields[3].isdigit() and fields[-1] != "total":
            truth[fields[-1]] = int(fields[3])

    def as_strace(document: Document) -> list[str]:
        found = calls(document)
        return [
            f"{name}: {found.get(name, 0)}, strace {times}"
            for name, times in truth.items()
            if name not in UNCOUNTED and found.get(name, 0) != times
        ]

    judge("strace", run("strace", (TRACER, "run", "--", *words)), as_strace)


def attach() -> None:
    target = subprocess.Popen((sys.executable, "-c", BUSY))
    time.sleep(2)
    words = (TRACER, "attach", str(target.pid), "--duration", "3", "--probe", "all")
    done = run("attach", words)
    is_alive = target.poll() is None
    target.kill()
    target.wait()

    def reads(document: Document) -> list[str]:
        return [] if calls(document).get("read", 0) > 20 else [f"calls: {calls(document)}"]

    judge("attach", done, reads, lambda _: [] if is_alive else ["the target died"])


def cgroup() -> None:
    group = Path("/sys/fs/cgroup/test")
    group.mkdir()
    targets = [subprocess.Popen((sys.executable, "-c", BUSY)) for _ in range(3)]
    for target in targets:
        (group / "cgroup.procs").write_text(str(target.pid))
    time.sleep(3)
    done = run("cgroup", (TRACER, "attach", "--cgroup", str(group), "--duration", "3"))
    judge("cgroup", done, count_is(lambda d: len(d["target"]["processes"]), 3, "processes"))
    for target in targets:
        target.kill()
        target.wait()
    group.rmdir()


def user() -> None:
    """An ordinary user is refused clearly; doctor works for them, and `sudo tracer run`."""
    done = run("user-run", (*USER, TRACER, "run", "thread-brigade", *SIZE), report=False)
    is_clear = done.status == 1 and "root" in done.err and "Traceback" not in done.err
    job.row("user-run", [] if is_clear else [f"exit status {done.status}: {done.err[-300:]}"])
    done = run("user-doctor", (*USER, TRACER, "doctor"), report=False)
    is_right = done.status == int("problem " in done.out) and "Traceback" not in done.err
    job.row("user-doctor", [] if is_right else [f"exit status {done.status}: {done.err[-300:]}"])
    if shutil.which("sudo") is None:  # the disk of aarch64 is only unpacked
        print("skip sudo-run: there is no sudo", flush=True)
        return
    done = run("sudo-run", (*USER, "sudo", TRACER, "run", "thread-brigade", *SIZE))
    judge("sudo-run", done, ALL_RECEIVED)


CASES = (
    *(doctor, thread, process, async_tasks, all_probes, uring, futex, light, command, strace),
    *(attach, cgroup, user),
)


def main(names: Sequence[str]) -> int:
    for case in CASES:
        if names and case.__name__ not in names:
            continue
        try:
            case()
        except Exception as error:  # a fault of one case must not hide the others
            traceback.print_exc(file=sys.stdout)
            job.row(case.__name__, [f"the check itself failed: {error!r}"])
    return job.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
