"""Questions to the JSON document of one run, `tracer.run/2` (document.py writes it).

Documents of `tracer.run/1`, which were saved earlier, give the same answers.

Answers are per unit of work. Where the probe that counts something was off the answer is None,
never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tracer.model.states import BETWEEN_IDLE_STATES, PREEMPTED, WAKEUP_IDLE, WAKEUP_QUEUED, YIELDED

Document = Mapping[str, Any]

#: The schemas of the documents that can be read.
READABLE = ("tracer.run/1", "tracer.run/2")

_SWITCHING = (WAKEUP_IDLE, WAKEUP_QUEUED, PREEMPTED, YIELDED)
#: Fewer events than this, or than this share of the wake-ups, give no mean: it was not seen.
SEEN_EVENTS, SEEN_SHARE = 100, 0.01
#: Shares of the headline that time on a CPU is split into; lines of the wall ledger as they are.
_ON_CPU_LINES = ("io", "user", "system")


def units(document: Document) -> float:
    """Units of work; 1 where they were not counted."""
    return float(document["result"]["units"] or 1)


def is_seen(events: float, wakeups: float = 0) -> bool:
    """Whether so many events, beside so many wake-ups, are enough for a mean."""
    return events >= SEEN_EVENTS and events >= SEEN_SHARE * wakeups


def ns_per_unit(document: Document) -> float:
    """Length of the window by units of work."""
    return float(document["window_ns"]) / units(document)


def is_split(document: Document) -> bool:
    """All system calls were seen: time on a CPU is split into own code and calls."""
    return not document.get("light") and not document.get("sampled")


def wall_lines(document: Document, *, split: bool = True) -> dict[str, float]:
    """The wall ledger by the lines of `model.words.LINES`, ns; they sum to `ns_per_unit`.

    Not `split`: time on a CPU is one line, `on_cpu`. Nothing else is known where the document is
    not split.
    """
    ledger, headline = document["ledgers"]["wall"], document["headline"]
    total_ns, per = float(ledger["total_ns"]), units(document)
    lines = {name: ledger["parts"].get(name, 0) / per for name in _SWITCHING}
    lines["switch"] = headline["switching"] * total_ns / per - sum(lines.values())
    lines["waiting"] = headline["waiting"] * total_ns / per
    lines["unknown"] = ledger["residual_ns"] / per
    if split:
        return lines | {n: (headline[n] or 0.0) * total_ns / per for n in _ON_CPU_LINES}
    return {"on_cpu": total_ns / per - sum(lines.values()), **lines}


def function_times(document: Document) -> dict[str, float] | None:
    """The path by function of the program, ns; they sum to `ns_per_unit`. None where its stacks
    were not sampled."""
    found = document.get("where")
    if not found:
        return None
    times: dict[str, float] = {}
    for place in found["places"]:
        name, ns = place["function"], place["time_ns"] / units(document)
        times[name] = times.get(name, 0.0) + ns
    return times


def path_behind_own_ns(document: Document) -> float | None:
    """How long the path was ready and another thread of the target had the CPU, ns; None in a
    document of version 1, which does not know behind whom it waited."""
    behind_ns = document["ledgers"]["wall"].get("behind_own_ns")
    return None if behind_ns is None else float(behind_ns) / units(document)


def counts(document: Document) -> dict[str, float | None]:
    """Counts that can explain a difference between two runs, by what is counted."""
    sched, calls, idle = (document.get(name) for name in ("sched", "syscalls", "idle"))
    cpus = idle["cpus"] if idle else None
    woken = wakeups(document)
    totals: dict[str, float | None] = {
        "context switches": _sum_of(document["rusage"], "voluntary", "involuntary"),
        "of them involuntary": _sum_of(document["rusage"], "involuntary"),
        "wake-ups on the same CPU": _sum_of(woken, "same_cpu"),
        "wake-ups to another CPU, idle": _sum_of(woken, "cross_cpu_idle"),
        "wake-ups to another CPU, busy": _sum_of(woken, "cross_cpu_busy"),
        "migrations": _sum_of(sched, "migrations"),
        "interrupts between CPUs": None
        if cpus is None
        else _all_or_none(
            cpu[f"{kind}_interrupts"] for cpu in cpus for kind in ("reschedule", "call_function")
        ),
        "entries into idle states": None
        if cpus is None
        else sum(state["entries"] for cpu in cpus for state in cpu["states"]),
        "system calls": None if calls is None else sum(call["calls"] for call in calls),
        "EAGAIN": None if calls is None else sum(call["errors"].get("EAGAIN", 0) for call in calls),
    }
    per = units(document)
    return {name: None if total is None else total / per for name, total in totals.items()}


def _all_or_none(numbers: Iterable[int | None]) -> float | None:
    """The sum; None where one of them is not known."""
    known = list(numbers)
    return None if None in known else float(sum(filter(None, known)))


def _sum_of(section: Mapping[str, Any] | None, *names: str) -> float | None:
    return None if section is None else _all_or_none(section.get(name) for name in names)


# ---- the host ----


def steal_share(document: Document) -> float:
    """The share of all CPUs' time in the window that the host took (steal)."""
    return float(document["host"]["steal_ns"]) / _all_cpus_ns(document)


def others_share(document: Document) -> float:
    """The share of all CPUs' time in the window in which tasks outside the target ran."""
    return float(document["ledgers"]["cpu"]["parts"]["other"]) / _all_cpus_ns(document)


def _all_cpus_ns(document: Document) -> int:
    return max(int(document["ledgers"]["cpu"]["total_ns"]), 1)


# ---- the probe syscalls ----


def call_class_ns(document: Document, cls: str) -> float | None:
    """On-CPU ns of the calls of a class."""
    calls = document.get("syscalls")
    if calls is None:
        return None
    on_cpu_ns = sum(call["on_cpu_ns"] for call in calls if call["class"] == cls)
    return float(on_cpu_ns) / units(document)


def failed_calls_ns(document: Document, cls: str, error: str) -> float | None:
    """On-CPU ns of the calls of a class that failed with `error`, at the mean of all calls of the
    same name."""
    calls = document.get("syscalls")
    if calls is None:
        return None
    on_cpu_ns = sum(
        call["on_cpu_ns"] / max(call["calls"], 1) * call["errors"].get(error, 0)
        for call in calls
        if call["class"] == cls
    )
    return float(on_cpu_ns) / units(document)


# ---- the probe sched ----


def wakeups(document: Document) -> Mapping[str, int] | None:
    """Wake-ups by kind, in the whole window."""
    sched = document.get("sched")
    return sched["wakeups"] if sched else None


def crossings(document: Document) -> float | None:
    """Wake-ups that went to another CPU."""
    times = wakeups(document)
    if times is None:
        return None
    return float(times["cross_cpu_idle"] + times["cross_cpu_busy"]) / units(document)


def pulled(document: Document) -> float | None:
    """Preempted threads that another CPU pulled to its own queue."""
    sched = document.get("sched")
    return float(sched["pulled"]) / units(document) if sched else None


def mean_wakeup_ns(document: Document, kind: str) -> float | None:
    """Mean wake-up latency of one kind of wake-up; None too when there was none."""
    return _mean_of(document, "wakeup_latency_ns", kind)


def mean_handover_ns(document: Document, kind: str) -> float | None:
    """Mean time on a CPU from switching in, after a wait of this kind, to waking another thread;
    None too when there was none."""
    return _mean_of(document, "handover_ns", kind)


def _mean_of(document: Document, field: str, kind: str) -> float | None:
    sched = document.get("sched")
    histogram = sched[field].get(kind) if sched else None
    return float(histogram["mean"]) if histogram and histogram["mean"] is not None else None


def placed(document: Document, *, by_queue: bool = False) -> Sequence[tuple[int, int, int]] | None:
    """Wake-ups by the target's threads: how many of them could run on the waker's CPU (`by_queue`:
    how many tasks, of all programs), how many wake-ups stayed on it, and how many went to another.
    None too in older reports."""
    sched = document.get("sched")
    rows = sched.get("placed_by_queue" if by_queue else "placed") if sched else None
    if not rows:
        return None
    return [(row["runnable"], row["same_cpu"], row["other_cpu"]) for row in rows]


# ---- the probe idle ----


def idle_path_ns(document: Document, *parts: str) -> float | None:
    """Parts of the critical path's wake-ups onto sleeping CPUs, summed, ns."""
    idle = document.get("idle")
    if not idle:
        return None
    return float(sum(idle["path"][part] for part in parts)) / units(document)


def interrupts_sent(document: Document) -> float | None:
    """Interrupts that wake-ups sent to idle CPUs; None too where the kernel does not tell."""
    idle = document.get("idle")
    if not idle:
        return None
    times = _all_or_none(
        row["sent"][kind] for row in idle["wakeups"] for kind in ("call_function", "reschedule")
    )
    return None if times is None else times / units(document)


def sleeping_wakeups(document: Document) -> float | None:
    """Wake-ups from another CPU that met a CPU asleep (not one that polls)."""
    idle = document.get("idle")
    if not idle:
        return None
    met = [
        row["whole_ns"]["count"]
        for row in idle["wakeups"]
        if not row["polling"] and row["state"] != BETWEEN_IDLE_STATES
    ]
    return float(sum(met)) / units(document)


def asleep_share(document: Document) -> float | None:
    """The share of the CPUs' time in the window that they spent in idle states, not polling."""
    idle = document.get("idle")
    if not idle or not idle["cpus"]:
        return None
    asleep_ns = sum(
        float(state["residency_ns"])
        for cpu in idle["cpus"]
        for state in cpu["states"]
        if state["name"] != "POLL"
    )
    return asleep_ns / max(float(document["window_ns"]) * len(idle["cpus"]), 1.0)


def sleeps(document: Document) -> Sequence[tuple[float, int, float]] | None:
    """Octaves of sleep of which enough was seen, from short to long: ns from which on, wake-ups
    that met a CPU asleep for so long, and their mean delivery, ns. None too in older reports."""
    idle = document.get("idle")
    rows = idle.get("sleeps") if idle else None
    if rows is None:
        return None
    every = [(row["from_ns"], row["delivery_ns"]) for row in rows]
    of = sum(times["count"] for _, times in every)
    return [
        (float(from_ns), times["count"], float(times["mean"]))
        for from_ns, times in every
        if is_seen(times["count"], of)
    ]


def sender_held_ns(document: Document) -> float | None:
    """Time that interrupts held their senders up beyond what setting a flag takes, ns; None where
    too few of them were seen to tell, or the kernel does not tell them."""
    idle = document.get("idle")
    if not idle:
        return None
    held, flag = idle["sender_held_ns"], idle["sender_held_ns"]["flag"]
    if None in held.values():
        return None
    flag_ns = float(flag["mean"]) if is_seen(flag["count"]) else 0.0
    kinds = [held[kind] for kind in ("call_function", "reschedule") if held[kind]["count"]]
    times = sum(kind["count"] for kind in kinds)
    if times < SEEN_SHARE * units(document):
        return 0.0
    if not is_seen(times):
        return None
    total_ns = sum((float(kind["mean"]) - flag_ns) * float(kind["count"]) for kind in kinds)
    return max(total_ns, 0.0) / units(document)
