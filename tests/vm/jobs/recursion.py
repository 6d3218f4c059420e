"""System-call programs that are preempted (Linux 7.2 and newer): entries and returns that the
kernel drops meanwhile are inferred, the ledgers close, the counts are right.

Programs on sys_enter and sys_exit run with preemption on there. While one is preempted, another
thread's call on the same CPU is not reported: the kernel counts it in `recursion_misses`. Each run
is held against the workload's own count: a thread of the brigade receives once per byte; switches
are those of getrusage.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from _tracer import RESULTS, TRACER, Document, Done, Job, calls, faults, residuals, run, still_open

TASKS, ITERS = 50, 400
SIZE = ("--tasks", str(TASKS), "--iters", str(ITERS), "--no-baseline")
RUNS, ATTACHED = 3, 2
CALLS = ("sys_enter", "sys_exit")
#: Neither source counts the switch that ends a thread as the other does, and the window's edges
#: are a few calls apart.
EDGE = TASKS + 20


def counts_of_brigade(document: Document) -> tuple[list[str], str]:
    """One receive per byte: the tasks of the chain and the thread that begins and ends it. Of a
    call without any event the report says two lost events, and no call is missing besides."""
    wanted, found = (TASKS + 1) * ITERS, calls(document).get("recvfrom", 0)
    sent = calls(document).get("sendto", 0) + still_open(document).get("sendto", 0)
    lost = document["losses"]["by_kind"]["recursion"] // 2
    text = f"recvfrom {found} and sendto {sent} of {wanted}, {lost} told as lost"
    return ([] if 2 * wanted - found - sent == lost else [text]), text


def switches(document: Document) -> tuple[list[str], str]:
    """As getrusage counts them, which the workload asks itself."""
    found, truth = document["sched"]["switches"], document["rusage"]
    text, wrong = [], []
    for kind in ("voluntary", "involuntary"):
        text.append(f"{kind} {found[kind]} of {truth[kind]}")
        if abs(found[kind] - truth[kind]) > EDGE + 0.01 * truth[kind]:
            wrong.append(text[-1])
    return wrong, ", ".join(text)


def passed_on(document: Document) -> tuple[list[str], str]:
    """One byte goes round: every receive is followed by a send."""
    received, sent = calls(document).get("recvfrom", 0), calls(document).get("sendto", 0)
    lost = document["losses"]["by_kind"]["recursion"] // 2
    text = f"recvfrom {received}, sendto {sent}, {lost} told as lost"
    return ([] if received and abs(received - sent) <= 1 + lost else [text]), text


def check(
    job: Job, name: str, done: Done, *counts: Callable[[Document], tuple[list[str], str]]
) -> int:
    """The row of one run; how many of its calls were missed, as the kernel counts."""
    document = done.document
    found = faults(done, may_lose=("recursion",))
    seen = sum(done.misses.get(name, 0) for name in CALLS)
    told = [f"exit {done.status}, missed {done.misses or 0}"]
    if document is not None:
        repairs = {kind: n for kind, n in document["repairs"].items() if n}
        worst = 100 * max(residuals(document).values())
        told += [
            f"repairs {repairs or 0}",
            f"inferred {document['inferred_ns']} ns of {document['window_ns']}",
            f"lost {document['losses']['total']}",
            f"residual {worst:.3f} %",
        ]
        for count in counts:
            wrong, text = count(document)
            found += wrong
            told += [] if wrong else [text]
    job.row(name, found, ", ".join(told))
    return seen


def main() -> int:
    job, missed = Job(), 0
    for n in range(RUNS):
        words = (TRACER, "run", "thread-brigade", *SIZE, "--probe", "all")
        missed += check(
            job, f"brigade-{n}", run(f"brigade-{n}", words), counts_of_brigade, switches
        )
    for n in range(RUNS):
        probes = ("--probe", "futex,sched,syscalls")
        words = (TRACER, "run", "thread-mem-brigade", *SIZE, *probes)
        missed += check(job, f"mem-brigade-{n}", run(f"mem-brigade-{n}", words), switches)
    program = "workloads/native/target/release/thread-brigade"
    with (RESULTS / "target.txt").open("w") as out:
        target = subprocess.Popen(
            [program, "--tasks", str(TASKS), "--iters", "1000000"], stdout=out
        )
        time.sleep(3)
        for n in range(ATTACHED):
            words = (TRACER, "attach", str(target.pid), "--duration", "10", "--probe", "all")
            missed += check(job, f"attach-{n}", run(f"attach-{n}", words), passed_on)
        job.row("target", [] if target.poll() is None else ["the target died"])
        target.kill()
        target.wait()
    print(f"entries and returns that the kernel dropped in all runs: {missed}", flush=True)
    return job.end()


if __name__ == "__main__":
    sys.exit(main())
