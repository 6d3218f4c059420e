"""The JSON document of one run, `tracer.run/2`, written from a Summary (reader.py reads it).

docs/schema/tracer.run-2.json describes it. Times are integers in ns; what is unknown is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tracer.analysis.findings import found
from tracer.analysis.run.allowed import Allowed
from tracer.analysis.run.awaited import OutsideWait
from tracer.analysis.run.concurrency import Concurrent
from tracer.analysis.run.counts import GroupRow, ThreadRow, on_cpu_ns
from tracer.analysis.run.kernel_time import KernelTime
from tracer.analysis.run.ledger import Headline, Ledger
from tracer.analysis.run.summary import CommandLine, HostSummary, Summary
from tracer.analysis.where.document import section as where_section
from tracer.analysis.where.who import Who
from tracer.model.recording import Process, Quota
from tracer.probes.sched import SchedRecord
from tracer.probes.syscalls import CallRecord

SCHEMA = "tracer.run/2"
_RESULT = (
    *("tasks", "iterations", "unit", "units", "mean_ns", "stddev_ns", "min_ns", "p50_ns", "p99_ns"),
    *("max_ns", "ns_per_unit"),
)
_RUSAGE = (
    "user_ns",
    "system_ns",
    "max_rss_bytes",
    "minor_faults",
    "major_faults",
    "voluntary",
    "involuntary",
)


def document(summary: Summary) -> dict[str, Any]:
    """The whole document as plain data, with the findings on it."""
    data = _numbers(summary)
    return {**data, "findings": [one._asdict() for one in found(data)]}


def _numbers(summary: Summary) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "command_line": _command_line(summary.target.command_line),
        "report": _report(summary),
        "host": _host(summary.host),
        "target": _target(summary),
        "result": _result(summary),
        "rusage": dict(summary.result.get("rusage") or dict.fromkeys(_RUSAGE)),
        "window_ns": summary.window_ns,
        "partial": summary.interrupted is not None,
        "doubts": list(summary.doubts),
        "light": summary.light,
        **({"sampled": dict(summary.sampled)} if summary.sampled else {}),
        "observer": _observer(summary),
        "losses": {"total": summary.lost, "by_kind": dict(summary.losses)},
        "repairs": dict(summary.repairs),
        "unnamed_ns": dict(summary.unnamed_ns),
        "inferred_ns": summary.inferred_ns,
        "outside_waits": [_outside_wait(wait) for wait in summary.outside_waits],
        "others": [asdict(program) for program in summary.others],
        "sched": None if summary.sched is None else _sched(summary, summary.sched),
        "syscalls": None
        if summary.syscalls is None
        else [_call(summary, call) for call in summary.syscalls],
        **{name: section.data for name, section in summary.sections},
        "ledgers": {
            "wall": {
                **_ledger(summary.wall),
                **_behind(summary.behind),
                "not_allowed_ns": summary.not_allowed_ns,
                "awaited": dict(summary.awaited),
            },
            "threads": _ledger(summary.threads),
            "cpu": _ledger(summary.cpu),
        },
        **({"concurrency": _concurrency(summary.concurrency)} if summary.concurrency else {}),
        **({"who": _who(summary.who)} if summary.who else {}),
        **({"where": where_section(summary.where)} if summary.where else {}),
        "headline": _headline(summary.headline),
        "what_if": asdict(summary.what_if),
        "kernel_time": _kernel_time(summary.kernel_time),
        "thread_groups": [_group(group) for group in summary.groups],
        "threads": [
            _thread(row) for row in [*summary.top, *([summary.rest] if summary.rest else [])]
        ],
    }


def _command_line(line: CommandLine) -> dict[str, Any]:
    return {"start": line.start, "options": list(line.options), "rest": line.rest}


def _report(summary: Summary) -> dict[str, Any]:
    observer, switches = summary.observer, summary.switches
    return {
        "interrupted": summary.interrupted,
        "transport": summary.target.transport,
        "pinned": bool(summary.target.cpus),
        "switches": asdict(switches),
        "untraced_switches": observer.untraced_switches if observer else None,
        "traced_switches": observer.traced_switches if observer else None,
    }


def _host(host: HostSummary) -> dict[str, Any]:
    return {
        "kernel": host.kernel,
        "machine": host.machine,
        "online_cpus": list(host.online_cpus),
        "steal_ns": host.load.steal_ns,
        "switch_cost_ns": host.switch_cost_ns,
        "unavailable": list(host.unavailable),
        "quotas": [_quota(quota) for quota in host.quotas],
        "fingerprint": dict(host.fingerprint),
    }


def _target(summary: Summary) -> dict[str, Any]:
    target = summary.target
    return {
        "kind": target.kind,
        "name": target.name,
        "argv": list(target.argv),
        "cpus": list(target.cpus or summary.host.online_cpus),
        "exit_status": summary.exit_status,
        "processes": [_process(process) for process in target.processes],
        "survivors": [
            {**_process(process), "has_own_session": process.has_own_session}
            for process in target.survivors
        ],
        "path_of": None if target.path_thread is None else asdict(target.path_thread),
        "allowed_cpus": _allowed(summary.allowed),
    }


def _allowed(allowed: Allowed) -> dict[str, Any]:
    return {
        "start": list(allowed.start),
        "end": list(allowed.end) or None,
        "threads": allowed.threads,
        "narrowed": allowed.narrowed,
        "narrowed_to": list(allowed.narrowed_to),
        "narrowed_ns": allowed.narrowed_ns,
    }


def _kernel_time(found: KernelTime) -> dict[str, Any]:
    return {
        "outside_calls_ns": found.outside_ns,
        "error_ns": None if found.outside_ns is None else found.error_ns,
        "on_path_ns": found.on_path_ns,
        "minor_faults": found.minor_faults,
        "major_faults": found.major_faults,
        "why_unknown": found.why or None,
    }


def _quota(quota: Quota) -> dict[str, Any]:
    return {**asdict(quota), "group": str(quota.group)}


def _process(process: Process) -> dict[str, Any]:
    return {"pid": process.pid, "own_pid": process.own_pid, "name": process.name}


def _result(summary: Summary) -> dict[str, Any]:
    return {
        **_integers({name: summary.result.get(name) for name in _RESULT}),
        "unit": summary.unit,
        "extra": _integers(summary.result.get("extra", {})),
    }


def _integers(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, those that are times rounded to whole ns."""
    return {
        name: round(value)
        if value is not None and (name.endswith("_ns") or name == "ns_per_unit")
        else value
        for name, value in values.items()
    }


def _observer(summary: Summary) -> dict[str, Any]:
    observer, estimate = summary.observer, summary.estimate
    return {
        "baseline_ns_per_unit": round(observer.baseline_ns_per_unit) if observer else None,
        "traced_ns_per_unit": round(observer.traced_ns_per_unit) if observer else None,
        "slowdown": {
            "median": observer.slowdown if observer else None,
            "low": observer.low if observer else None,
            "high": observer.high if observer else None,
            "pairs": observer.pairs if observer else 0,
        },
        "estimate": None
        if estimate is None or not estimate.is_known
        else {
            "events": estimate.events,
            "event_cost_ns": max(round(estimate.event_cost_ns), 1),
            "on_cpu_ns": estimate.on_cpu_ns,
            "low": estimate.low,
            "high": estimate.high,
            "samples": estimate.samples,
        },
    }


def _per_unit(summary: Summary, times: int) -> float | None:
    return summary.per_unit(times) if summary.units else None


def _sched(summary: Summary, record: SchedRecord) -> dict[str, Any]:
    switches = summary.switches
    return {
        "switches": {
            "voluntary": switches.voluntary,
            "involuntary": switches.involuntary,
            "yielded": switches.yielded,
            "per_unit": _per_unit(summary, switches.total),
        },
        "migrations": switches.migrations,
        "pulled": record.pulled,
        "wakeups": dict(summary.wakeups or {}),
        "wakeup_latency_ns": {
            kind: {**histogram.data(), "buckets": histogram.counts()}
            for kind, histogram in record.woke.items()
        },
        "preempted_ns": record.preempted.data(),
        "slice_ns": record.slice.data(),
        "handover_ns": {kind: histogram.data() for kind, histogram in record.handed.items()},
        "ran_ns": {kind: histogram.data() for kind, histogram in record.ran.items()},
        "ran_parts_ns": None
        if not summary.is_split
        else {
            kind: {"io": record.ran_io_ns[kind], "user": record.ran_user_ns[kind]}
            for kind in record.ran_io_ns
        },
        "placed": _placed(record.placed),
        "placed_by_queue": _placed(record.placed_by_queue) or None,
        "outside_wakers": dict(summary.outside_wakers),
    }


def _placed(rows: Mapping[int, tuple[int, int]]) -> list[dict[str, int]]:
    return [
        {"runnable": runnable, "same_cpu": here, "other_cpu": away}
        for runnable, (here, away) in rows.items()
    ]


def _call(summary: Summary, call: CallRecord) -> dict[str, Any]:
    times = call.times
    return {
        "name": call.name,
        "class": call.cls,
        "calls": times.count,
        "per_unit": _per_unit(summary, times.count),
        "errors": dict(call.errors),
        "total_ns": times.sum_ns,
        "on_cpu_ns": on_cpu_ns(call),
        "off_cpu_ns": call.off_cpu_ns,
        "p50_ns": times.percentile_ns(50),
        "p90_ns": times.percentile_ns(90),
        "p99_ns": times.percentile_ns(99),
        "max_ns": times.max_ns,
        "bytes": call.bytes,
        "events": call.events,
        "open": summary.open_calls.get(call.name, 0),
    }


def _ledger(ledger: Ledger) -> dict[str, Any]:
    return {
        "total_ns": ledger.total_ns,
        "parts": dict(ledger.parts),
        "residual_ns": ledger.residual_ns,
    }


def _behind(behind: Mapping[str, int]) -> dict[str, int]:
    """Behind whom it was ready and waited for a CPU."""
    return {
        "behind_own_ns": behind["own"],
        "behind_other_ns": behind["other"],
        "held_ns": behind["throttled"] + behind["held"],
        "throttled_ns": behind["throttled"],
    }


def _who(found: Who) -> dict[str, Any]:
    window_ns = max(found.window_ns, 1)
    return {
        "grid_ns": found.grid_ns,
        "points": found.points,
        "unsampled_ns": found.unsampled_ns,
        "rows": [
            {
                "process": row.role or None,
                "group": row.group,
                "processes": row.processes,
                "time_ns": row.ns,
                "share": row.ns / window_ns,
                "error": row.error,
                "doing": [
                    {
                        "part": one.part,
                        "call": one.call,
                        "awaited": one.awaited,
                        "time_ns": one.ns,
                    }
                    for one in row.doing
                ],
            }
            for row in found.rows
        ],
    }


def _outside_wait(wait: OutsideWait) -> dict[str, Any]:
    return {
        "for": wait.awaited,
        "call": wait.call,
        "waker": None if wait.waker is None else asdict(wait.waker),
        "times": wait.times,
        "total_ns": wait.ns,
        "peer": wait.peer,
    }


def _concurrency(found: Concurrent) -> dict[str, Any]:
    return {
        "looks": found.looks,
        "late_looks": found.late,
        "interval_ns": found.interval_ns,
        "threads": found.threads,
        "running": found.running,
        "ready": found.ready,
        "all_asleep": asdict(found.all_asleep),
        "ready_none_ran": asdict(found.none_ran),
        "ran": [{"threads": number, **asdict(share)} for number, share in enumerate(found.ran, 1)],
        "asleep": [
            {
                "group": one.group,
                "call": one.call,
                "class": one.cls,
                "threads": one.threads,
                "threads_none_ran": one.none_ran,
            }
            for one in found.asleep
        ],
    }


def _headline(headline: Headline) -> dict[str, Any]:
    return {
        "io": headline.io,
        "switching": headline.switching,
        "user": headline.user,
        "system": headline.system,
        "waiting": headline.waiting,
    }


def _group(group: GroupRow) -> dict[str, Any]:
    return {
        "name": group.name,
        "threads": group.threads,
        "idle": group.idle,
        "idle_ns": group.idle_ns,
        "parts": dict(group.parts),
        **_behind(group.behind),
        "voluntary": group.voluntary,
        "involuntary": group.involuntary,
        "migrations": group.migrations,
    }


def _thread(row: ThreadRow) -> dict[str, Any]:
    return {
        "tid": row.tid or None,
        "name": row.name,
        "parts": dict(row.parts),
        **_behind(row.behind),
        "voluntary": row.voluntary,
        "involuntary": row.involuntary,
        "migrations": row.migrations,
    }
