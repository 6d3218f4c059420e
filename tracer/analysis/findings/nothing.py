"""Nothing holds the program back: it computes, or it waits for work."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import (
    Document,
    again,
    all_threads_ns,
    on_path_ns,
    profile,
    rounded,
    share,
    window_ns,
)
from tracer.analysis.run.reader import is_split
from tracer.model.states import BLOCKED_PARTS, EXTERNAL, ON_CPU_PARTS, SLEEP, TIMED_WAIT, USER
from tracer.units import duration

NAME = "Nothing to find"
ALONE = True
#: Own code has this share of the path at least, the kernel at most this one of that.
LEAST_USER, MOST_KERNEL = 0.8, 0.2
#: A program without work waits for this share of the path at least, and has so much of one CPU at
#: most; of its threads' sleeps so much is in calls that wait for work.
LEAST_WAITING, MOST_CPU, LEAST_FOR_WORK = 0.8, 0.05, 0.9
_FOR_WORK = tuple(f"blocked:{name}" for name in ("poll", "futex", "io_uring", "process", "other"))


def _cpus(document: Document) -> float:
    return all_threads_ns(document, *ON_CPU_PARTS) / window_ns(document)


DERIVED = {
    "CPUs in use": _cpus,
    "asleep, ns": lambda document: all_threads_ns(document, *BLOCKED_PARTS),
    "asleep for work, ns": lambda document: all_threads_ns(document, *_FOR_WORK),
}


def find(document: Document) -> Finding | None:
    if not is_split(document):
        return None
    return _computes(document) or _has_no_work(document)


def _computes(document: Document) -> Finding | None:
    user_ns = on_path_ns(document, USER)
    kernel_ns = document["kernel_time"]["on_path_ns"] or 0
    if share(document, user_ns) < LEAST_USER or kernel_ns > MOST_KERNEL * user_ns:
        return None
    cpus = f"{_cpus(document):.1f} CPU{'' if round(_cpus(document), 1) == 1 else 's'}"
    return finding(
        __name__,
        share(document, user_ns),
        "nothing holds it back: it computes in its own code for"
        f" {rounded(share(document, user_ns))} of the time, on {cpus}",
        "a profile says which function",
        profile(document),
    )


def _has_no_work(document: Document) -> Finding | None:
    """A process that tracer was attached to, and that sleeps in calls that wait for work."""
    waiting_ns = on_path_ns(document, SLEEP, TIMED_WAIT, EXTERNAL)
    asleep_ns = all_threads_ns(document, *BLOCKED_PARTS)
    for_work_ns = all_threads_ns(document, *_FOR_WORK)
    if document["target"]["kind"] != "attach" or _cpus(document) > MOST_CPU:
        return None
    if share(document, waiting_ns) < LEAST_WAITING or for_work_ns < LEAST_FOR_WORK * asleep_ns:
        return None
    return finding(
        __name__,
        share(document, waiting_ns),
        f"it has next to nothing to do: its threads waited for work, and were on a CPU for"
        f" {_percent(document)} of the time",
        f"{duration(for_work_ns)} of {duration(asleep_ns)} asleep, over all threads, in calls that"
        " wait for events, locks, children or signals",
        f"measure while it has work: {again(document)}",
    )


def _percent(document: Document) -> str:
    return rounded(_cpus(document)) if _cpus(document) else "0 %"
