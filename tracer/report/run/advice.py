"""What the ledger means in one sentence, what could be gained, and the next command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.next_command import explain, profile, without
from tracer.analysis.run.awaited import mostly
from tracer.analysis.run.sampled import told
from tracer.analysis.run.summary import Summary
from tracer.model.states import KERNEL_WORKERS
from tracer.report.run.kernel_time import on_path_ns
from tracer.report.run.sampled import ESTIMATED
from tracer.units import counted, percent, plain

Document = Mapping[str, Any]

_SWITCHING_CAUSES = {
    "wakeup:idle": "while a sleeping CPU woke up",
    "wakeup:queued": "in the queue of its CPU",
    "preempted": "pushed off its CPU",
    "yielded": "having given its CPU up by sched_yield",
}
_BEHIND = {
    "own": "behind the program's own threads",
    "other": "behind other programs",
    "throttled": "held back by a CPU quota",
    "held": "while that CPU was idle",
}
_WAITING = {
    "timer": "a timer that it had set",
    "timed_wait": "a lock or an event until a time-out",
    "disk": "the disk",
    "network": "the network",
    "process": "another process",
    "kernel_thread": "a kernel thread",
    "other": "something outside the program",
    "kernel_workers": "the kernel's workers (io_uring)",
}

#: A smaller gain is not named; one from here on is shown without decimals.
_WORTH, _MANY = 1.1, 10
#: From this share on, waiting and switching are what to ask about.
_MUCH = 0.4


def in_words(run: Summary) -> str:
    """One sentence on the largest share of the wall ledger."""
    headline = run.headline
    shares = {
        "switching": headline.switching,
        "io": headline.io or 0.0,
        "user": headline.user or 0.0,
        "system": headline.system or 0.0,
        "waiting": headline.waiting,
        "on_cpu": 0.0 if run.is_split else headline.on_cpu,
        "unknown": headline.unknown,
    }
    largest = max(shares, key=lambda name: shares[name])
    amount = f"For {100 * shares[largest]:.0f} % of the time"
    if largest == "switching":
        return f"{amount} {_switching(run)}."
    return {
        "io": f"{amount} a thread was moving data: inside read, write and poll calls.",
        "user": f"{amount} {_own_code(run)}.",
        "system": f"{amount} a thread was inside system calls other than I/O.",
        "on_cpu": f"{amount} a thread was running; "
        + (
            f"~ {_mostly_estimated(run.sampled)}."
            if run.sampled
            else "--light does not separate code from system calls."
        ),
        "waiting": f"{amount} the path waited, mostly for {_waited_for(run)}.",
        "unknown": f"{amount} it is not known what the path did or waited for.",
    }[largest]


def _mostly_estimated(data: Document) -> str:
    """What most of the path's time on a CPU is, from the part that --sample saw."""
    path = data["path"]
    if path is None:
        return f"{told(data)} saw nothing of that"
    most = max(ESTIMATED, key=lambda name: path[name])
    return f"{percent(path[most])} of that in {ESTIMATED[most]}, as {told(data)} saw it"


def _own_code(run: Summary) -> str:
    share = on_path_ns(run) / max(run.wall.parts["user"], 1)
    if share < 0.5:
        return "the program was computing in its own code"
    faults = (run.kernel_time.minor_faults or 0) + (run.kernel_time.major_faults or 0)
    return (
        f"the program was outside calls, ~{100 * share:.0f} % of that in the kernel:"
        f" {counted(faults, 'page fault')}, entry and exit of calls, tracing"
    )


def _switching(run: Summary) -> str:
    cause = max(_SWITCHING_CAUSES, key=lambda name: run.wall.parts[name])
    if run.headline.switch_cost_ns > run.wall.parts[cause]:
        return "a CPU was busy switching between threads"
    text = f"the next thread was ready but not yet running, mostly {_SWITCHING_CAUSES[cause]}"
    if cause == "wakeup:idle" or not any(run.behind.values()):
        return text
    return f"{text}, {_BEHIND[max(run.behind, key=lambda who: run.behind[who])]}"


def _waited_for(run: Summary) -> str:
    times = {**run.awaited, KERNEL_WORKERS: run.wall.parts[KERNEL_WORKERS]}
    most = max(_WAITING, key=lambda name: times[name])
    return f"{_WAITING[most]}{waited_in(run, most)}"


def waited_in(run: Summary, awaited: str) -> str:
    """Behind what was awaited: by whom such a wait was ended, or from where, and in which call, if
    most of them were alike: `: redis-server (recvfrom)`, `: 10.0.0.5:5432 (recvfrom)`. Empty where
    they were not."""
    wait = mostly(run.outside_waits, awaited)
    if wait is None:
        return ""
    whom = wait.peer if wait.waker is None else "" if awaited == "disk" else wait.waker.name
    return (f": {plain(whom)}" if whom else "") + (f" ({wait.call})" if wait.call else "")


def what_if(run: Summary) -> list[str]:
    """The most that could be gained, as one line; none where it is not worth a line."""
    bounds = run.what_if
    texts = []
    if bounds.without_switching and bounds.without_switching >= _WORTH:
        texts.append(f"without any switching at most {_times(bounds.without_switching)}")
    if bounds.same_cpu and bounds.same_cpu >= _WORTH:
        texts.append(
            "with wake-ups to other CPUs as short as on the same CPU about"
            f" {_times(bounds.same_cpu)}"
        )
    return [f"What if (bounds): {', '.join(texts)}"] if texts else []


def _times(factor: float) -> str:
    return f"{factor:.1f}x" if factor < _MANY else f"{factor:.0f}x"


def try_next(document: Document) -> str:
    """The command that tests or details what the ledger says, where no finding has a next step;
    empty where none says more."""
    if document["light"]:
        return without(document, "--light")
    headline, target = document["headline"], document["target"]
    waits = headline["switching"] + headline["waiting"]
    if target["kind"] == "workload" or (target["kind"] == "command" and waits > _MUCH):
        return explain(document)
    return "" if document.get("where") else profile(document)
