"""The JSON document of one run, `tracer.run/1`: written from a Summary, and questions to it.

Described by docs/schema/tracer.run-1.json. Answers are per unit of work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.run.summary import Summary
from tracer.model.recording import Process

Document = Mapping[str, Any]

SCHEMA = "tracer.run/1"
_RESULT = ("tasks", "iterations", "unit", "units", "mean_ns", "stddev_ns", "ns_per_unit")


_RUSAGE = (
    "user_ns",
    "system_ns",
    "max_rss_bytes",
    "minor_faults",
    "major_faults",
    "voluntary",
    "involuntary",
)


def _ledger(book: Ledger) -> dict[str, Any]:
    return {
        "total_ns": book.total_ns,
        "parts": dict(book.parts),
        "residual_ns": book.residual_ns,
    }


def _process(process: Process) -> dict[str, Any]:
    return {"pid": process.pid, "own_pid": process.own_pid, "name": process.name}


def _integers(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: round(v) if v is not None and (k.endswith("_ns") or k == "ns_per_unit") else v
        for k, v in result.items()
    }


def document(s: Summary) -> dict[str, Any]:
    """The whole document as plain data."""
    o = s.observer
    calls = None
    if s.syscalls is not None:
        calls = [
            {
                "name": call.name,
                "class": call.cls,
                "calls": call.times.count,
                "per_unit": s.per_unit(call.times.count) if s.units else None,
                "errors": dict(call.errors),
                "total_ns": call.times.sum_ns,
                "on_cpu_ns": max(call.times.sum_ns - call.off_cpu_ns, 0),
                "off_cpu_ns": call.off_cpu_ns,
                "p50_ns": call.times.percentile_ns(50),
                "p90_ns": call.times.percentile_ns(90),
                "p99_ns": call.times.percentile_ns(99),
                "max_ns": call.times.max_ns,
                "open": s.open_calls.get(call.name, 0),
            }
            for call in s.syscalls
        ]
    sched = None
    if s.sched is not None and s.wakeups is not None:
        sched = {
            "switches": {
                "voluntary": s.switches.voluntary,
                "involuntary": s.switches.involuntary,
                "per_unit": s.per_unit(s.switches.total) if s.units else None,
            },
            "migrations": s.switches.migrations,
            "pulled": s.sched.pulled,
            "wakeups": dict(s.wakeups),
            "wakeup_latency_ns": {
                kind: s.sched.woke[kind].data()
                for kind in ("same_cpu", "cross_cpu_idle", "cross_cpu_busy")
            },
            "preempted_ns": s.sched.preempted.data(),
            "slice_ns": s.sched.slice.data(),
            "handover_ns": {kind: times.data() for kind, times in s.sched.handed.items()},
            "outside_wakers": dict(s.outside_wakers),
        }
    head = s.headline
    return {
        "schema": SCHEMA,
        "host": {
            "kernel": s.kernel,
            "machine": s.machine,
            "online_cpus": list(s.online_cpus),
            "steal_ns": s.load.steal_ns,
            "switch_cost_ns": s.switch_cost_ns,
            "unavailable": list(s.unavailable),
            "fingerprint": dict(s.fingerprint),
        },
        "target": {
            "kind": s.kind,
            "name": s.name,
            "argv": list(s.argv),
            "cpus": list(s.cpus or s.online_cpus),
            "exit_status": s.exit_status,
            "processes": [_process(process) for process in s.processes],
            "survivors": [
                {**_process(process), "has_own_session": process.has_own_session}
                for process in s.survivors
            ],
            "path_of": None if s.path_thread is None else asdict(s.path_thread),
        },
        "result": {
            **_integers({name: s.result.get(name) for name in _RESULT}),
            "unit": s.unit,
            "extra": _integers(s.result.get("extra", {})),
        },
        "rusage": dict(s.result.get("rusage") or dict.fromkeys(_RUSAGE)),
        "window_ns": s.window_ns,
        "partial": s.interrupted is not None,
        "light": s.light,
        "observer": {
            "baseline_ns_per_unit": round(o.baseline_ns_per_unit) if o else None,
            "traced_ns_per_unit": round(o.traced_ns_per_unit) if o else None,
            "slowdown": {
                "median": o.slowdown if o else None,
                "low": o.low if o else None,
                "high": o.high if o else None,
                "pairs": o.pairs if o else 0,
            },
            "estimate": None
            if s.estimate is None
            else {
                "events": s.estimate.events,
                "event_cost_ns": round(s.estimate.event_cost_ns),
                "on_cpu_ns": s.estimate.on_cpu_ns,
            },
        },
        "losses": {"total": s.lost, "by_kind": dict(s.losses)},
        "repairs": dict(s.repairs),
        "sched": sched,
        "syscalls": calls,
        **{name: section.data for name, section in s.sections},
        "ledgers": {"wall": _ledger(s.wall), "threads": _ledger(s.threads), "cpu": _ledger(s.cpu)},
        "headline": {
            "io": head.io,
            "switching": head.switching,
            "user": head.user,
            "system": head.system,
            "waiting": head.waiting,
        },
        "thread_groups": [
            {
                "name": group.name,
                "threads": group.threads,
                "idle": group.idle,
                "idle_ns": group.idle_ns,
                "parts": dict(group.parts),
                "voluntary": group.voluntary,
                "involuntary": group.involuntary,
                "migrations": group.migrations,
            }
            for group in s.groups
        ],
        "threads": [
            {
                "tid": row.tid or None,
                "name": row.name,
                "parts": dict(row.parts),
                "voluntary": row.voluntary,
                "involuntary": row.involuntary,
                "migrations": row.migrations,
            }
            for row in [*s.top, *([s.rest] if s.rest else [])]
        ],
    }


_SWITCHING = ("wakeup:idle", "wakeup:queued", "preempted")


def units(document: Document) -> float:
    return float(document["result"]["units"] or 1)


def ns_per_unit(document: Document) -> float:
    """Length of the window by units of work."""
    return float(document["window_ns"]) / units(document)


def wall_lines(document: Document) -> dict[str, float]:
    """The wall ledger by `LINES`, ns per unit; they sum to `ns_per_unit`."""
    book, head = document["ledgers"]["wall"], document["headline"]
    total, per = float(book["total_ns"]), units(document)
    found = {name: book["parts"][name] / per for name in _SWITCHING}
    found["switch"] = head["switching"] * total / per - sum(found.values())
    for name in ("io", "user", "system", "waiting"):
        found[name] = (head[name] or 0.0) * total / per
    found["unknown"] = book["residual_ns"] / per
    return found


def counts(document: Document) -> dict[str, float | None]:
    """What explains a difference, per unit of work; None where its probe was off."""
    sched, calls, idle = (document.get(name) for name in ("sched", "syscalls", "idle"))
    per = units(document)
    woken = sched["wakeups"] if sched else None
    found: dict[str, float | None] = {
        "context switches": _of(document["rusage"], "voluntary", "involuntary"),
        "of them involuntary": _of(document["rusage"], "involuntary"),
        "wake-ups on the same CPU": _of(woken, "same_cpu"),
        "wake-ups to another CPU, idle": _of(woken, "cross_cpu_idle"),
        "wake-ups to another CPU, busy": _of(woken, "cross_cpu_busy"),
        "migrations": _of(sched, "migrations"),
        "interrupts between CPUs": None,
        "entries into idle states": None,
        "system calls": None,
        "EAGAIN": None,
    }
    if idle:
        cpus = idle["cpus"]
        found["interrupts between CPUs"] = sum(
            cpu["reschedule_interrupts"] + cpu["call_function_interrupts"] for cpu in cpus
        )
        found["entries into idle states"] = sum(
            state["entries"] for cpu in cpus for state in cpu["states"]
        )
    if calls is not None:
        found["system calls"] = sum(call["calls"] for call in calls)
        found["EAGAIN"] = sum(call["errors"].get("EAGAIN", 0) for call in calls)
    return {name: None if value is None else value / per for name, value in found.items()}


def _of(section: Mapping[str, Any] | None, *names: str) -> float | None:
    if section is None or any(section.get(name) is None for name in names):
        return None
    return float(sum(section[name] for name in names))
