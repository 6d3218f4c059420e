"""A Summary from the JSON document that was made of it: what `tracer report` prints again.

Left out are the tables of single probes and the places on the path, which stay in the document.
Documents of `tracer.run/2` that an earlier tracer saved lack some members: what these said is then
unknown, and not printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tracer.analysis.run.allowed import Allowed
from tracer.analysis.run.awaited import OutsideWait, Waker
from tracer.analysis.run.bounds import WhatIf
from tracer.analysis.run.concurrency import Asleep, Concurrent, LookShare
from tracer.analysis.run.counts import GroupRow, OtherProgram, Switches, ThreadRow
from tracer.analysis.run.estimate import Estimate
from tracer.analysis.run.kernel_time import KernelTime
from tracer.analysis.run.ledger import READY, Headline, Ledger
from tracer.analysis.run.observer import INTERVAL_PAIRS, Observer
from tracer.analysis.run.summary import CommandLine, HostSummary, Summary, TargetSummary
from tracer.analysis.where.who import Doing, OnPath, Who
from tracer.model.histogram import Histogram
from tracer.model.recording import HostLoad, PathThread, Process, Quota
from tracer.model.states import AWAITED, EXTERNAL, ON_CPU_PARTS, SLEEP, TIMED_WAIT
from tracer.probes.sched import SchedRecord
from tracer.probes.syscalls import CallRecord

Document = Mapping[str, Any]

SCHEMA = "tracer.run/2"
_CLOSED_LATE = "the end of the window was not seen in the kernel"


@dataclass(frozen=True)
class _Read(Histogram):
    """The figures of a histogram whose buckets are not known."""

    figures: Mapping[str, Any]

    @property
    def count(self) -> int:
        return self.figures["count"] or 0

    @property
    def mean_ns(self) -> int | None:
        return self.figures.get("mean")

    def percentile_ns(self, q: float) -> int | None:
        figure: int | None = self.figures[f"p{q:g}"]
        return figure

    def counts(self) -> list[list[int]]:
        return list(self.figures.get("buckets") or ())


def summary_of(document: Document) -> Summary:
    """All of it but the probes' sections and the places. KeyError, TypeError or ValueError for a
    document that does not follow its schema."""
    ledgers, also = document["ledgers"], document.get("report", {})
    target, wall = document["target"], ledgers["wall"]
    threads = _ledger(ledgers["threads"])
    top = [_thread(row) for row in document["threads"]]
    calls = document["syscalls"]
    return Summary(
        target=_target(document),
        host=_host(document["host"]),
        unit=document["result"]["unit"],
        units=document["result"]["units"],
        window_ns=document["window_ns"],
        exit_status=target["exit_status"],
        interrupted=also.get("interrupted"),
        closed_late=_CLOSED_LATE in document["doubts"],
        light=document["light"],
        sampled=document.get("sampled"),
        result=_result(document),
        wall=_ledger(wall),
        threads=threads,
        cpu=_ledger(ledgers["cpu"]),
        headline=_headline(document),
        switches=_switches(document),
        wakeups=document["sched"]["wakeups"] if document["sched"] else None,
        outside_wakers=document["sched"]["outside_wakers"] if document["sched"] else {},
        sched=_sched(document["sched"]) if document["sched"] else None,
        syscalls=None if calls is None else tuple(map(_call, calls)),
        open_calls={row["name"]: row["open"] for row in calls or () if row["open"]},
        losses=document["losses"]["by_kind"],
        repairs=document["repairs"],
        behind=_behind(wall),
        not_allowed_ns=wall.get("not_allowed_ns") or 0,
        awaited=wall.get("awaited") or _awaited(wall["parts"]),
        allowed=_allowed(target["allowed_cpus"]),
        kernel_time=_kernel_time(document["kernel_time"]),
        outside_waits=tuple(map(_outside_wait, document.get("outside_waits", ()))),
        unnamed_ns=document.get("unnamed_ns", {}),
        inferred_ns=document["inferred_ns"],
        others=tuple(OtherProgram(**row) for row in document["others"]),
        observer=_observer(document["observer"], also),
        estimate=_estimate(document, threads),
        top=tuple(row for row in top if row.tid),
        rest=next((row for row in top if not row.tid), None),
        groups=tuple(map(_group, document["thread_groups"])),
        idle_path=document["idle"]["path"] if document.get("idle") else None,
        what_if=WhatIf(**document["what_if"]),
        concurrency=_concurrent(document["concurrency"]) if document.get("concurrency") else None,
        who=_who(document) if document.get("who") else None,
    )


# ---- what ran, and where ----


def _target(document: Document) -> TargetSummary:
    target, also = document["target"], document.get("report", {})
    line = document.get("command_line") or {"start": "tracer run", "options": [], "rest": ""}
    path_of = target["path_of"]
    return TargetSummary(
        kind=target["kind"],
        name=target["name"],
        transport=also.get("transport", ""),
        argv=tuple(target["argv"]),
        cpus=tuple(target["cpus"]) if also.get("pinned") else (),
        command_line=CommandLine(line["start"], line["rest"], tuple(line["options"])),
        processes=tuple(Process(**row) for row in target["processes"]),
        survivors=tuple(Process(**row) for row in target["survivors"]),
        path_thread=PathThread(**path_of) if path_of else None,
    )


def _host(host: Mapping[str, Any]) -> HostSummary:
    return HostSummary(
        kernel=host["kernel"],
        machine=host["machine"],
        online_cpus=tuple(host["online_cpus"]),
        load=HostLoad(host["steal_ns"], 0),
        switch_cost_ns=host["switch_cost_ns"],
        unavailable=tuple(host["unavailable"]),
        fingerprint=host["fingerprint"],
        quotas=tuple(Quota(**{**row, "group": Path(row["group"])}) for row in host["quotas"]),
    )


def _allowed(found: Mapping[str, Any]) -> Allowed:
    cpus = {name: tuple(found[name] or ()) for name in ("start", "end", "narrowed_to")}
    return Allowed(**{**found, **cpus})


def _result(document: Document) -> dict[str, Any]:
    result = {name: value for name, value in document["result"].items() if value is not None}
    return {**result, "rusage": document["rusage"]} if _is_known(document["rusage"]) else result


def _is_known(values: Mapping[str, Any]) -> bool:
    return any(value is not None for value in values.values())


# ---- where the time went ----


def _ledger(ledger: Mapping[str, Any]) -> Ledger:
    return Ledger(ledger["total_ns"], ledger["parts"])


def _headline(document: Document) -> Headline:
    headline, wall = document["headline"], document["ledgers"]["wall"]
    total_ns = max(wall["total_ns"], 1)
    ready_ns = sum(wall["parts"].get(name, 0) for name in READY)
    switch_ns = max(round(headline["switching"] * total_ns) - ready_ns, 0)
    on_cpu_ns = sum(wall["parts"].get(name, 0) for name in ON_CPU_PARTS[:-1])
    return Headline(
        **headline,
        unknown=wall["residual_ns"] / total_ns,
        on_cpu=(on_cpu_ns - switch_ns) / total_ns,
        switch_cost_ns=switch_ns,
    )


def _behind(row: Mapping[str, Any]) -> dict[str, int]:
    names = {"own": "behind_own_ns", "other": "behind_other_ns", "throttled": "throttled_ns"}
    found = {who: row.get(name) or 0 for who, name in names.items()}
    return {**found, "held": (row.get("held_ns") or 0) - found["throttled"]}


def _awaited(parts: Mapping[str, int]) -> dict[str, int]:
    """Of a document that does not tell what was outside the program."""
    known = {"timer": SLEEP, "timed_wait": TIMED_WAIT, "other": EXTERNAL}
    return {**dict.fromkeys(AWAITED, 0), **{name: parts[part] for name, part in known.items()}}


def _outside_wait(row: Mapping[str, Any]) -> OutsideWait:
    waker = Waker(**row["waker"]) if row["waker"] else None
    return OutsideWait(
        row["for"], row["call"], waker, row["times"], row["total_ns"], row.get("peer")
    )


def _kernel_time(found: Mapping[str, Any]) -> KernelTime:
    return KernelTime(
        found["outside_calls_ns"],
        found["error_ns"] or 0,
        found["on_path_ns"],
        found["minor_faults"],
        found["major_faults"],
        found["why_unknown"] or "",
    )


def _concurrent(found: Mapping[str, Any]) -> Concurrent:
    return Concurrent(
        **{name: found[name] for name in ("looks", "interval_ns", "threads", "running", "ready")},
        all_asleep=LookShare(**found["all_asleep"]),
        none_ran=LookShare(**found["ready_none_ran"]),
        ran=tuple(LookShare(row["share"], row["error"]) for row in found["ran"]),
        asleep=tuple(
            Asleep(row["group"], row["call"], row["class"], row["threads"], row["threads_none_ran"])
            for row in found["asleep"]
        ),
    )


def _who(document: Document) -> Who:
    found = document["who"]
    rows = [
        OnPath(
            row["process"] or "",
            row["group"],
            row["processes"],
            row["time_ns"],
            row["error"],
            tuple(
                Doing(one["part"], one["call"], one["time_ns"], one["awaited"])
                for one in row["doing"]
            ),
        )
        for row in found["rows"]
    ]
    window_ns = document["ledgers"]["wall"]["total_ns"]
    return Who(window_ns, found["grid_ns"], found["points"], tuple(rows), found["unsampled_ns"])


# ---- threads, switches, calls ----


def _thread(row: Mapping[str, Any]) -> ThreadRow:
    counts = {name: row[name] for name in ("voluntary", "involuntary", "migrations")}
    return ThreadRow(row["tid"] or 0, row["name"], row["parts"], _behind(row), **counts)


def _group(row: Mapping[str, Any]) -> GroupRow:
    names = ("name", "threads", "idle", "idle_ns", "parts", "voluntary", "involuntary")
    counts = {name: row[name] for name in (*names, "migrations")}
    return GroupRow(**counts, behind=_behind(row))


def _switches(document: Document) -> Switches:
    found = document.get("report", {}).get("switches")
    if found is None:
        sched = document["sched"] or {"switches": {}, "migrations": 0}
        found = {**sched["switches"], "migrations": sched["migrations"]}
    names = ("voluntary", "involuntary", "migrations", "yielded")
    return Switches(*(found.get(name) or 0 for name in names))


def _times(figures: Mapping[str, Any], total_ns: int = 0) -> Histogram:
    return _Read(np.zeros(0, dtype=np.int64), total_ns, figures["max"] or 0, figures)


def _sched(sched: Mapping[str, Any]) -> SchedRecord:
    def by_kind(member: str) -> dict[str, Histogram]:
        return {kind: _times(figures) for kind, figures in sched.get(member, {}).items()}

    parts = sched.get("ran_parts_ns") or {}
    return SchedRecord(
        woke=by_kind("wakeup_latency_ns"),
        preempted=_times(sched["preempted_ns"]),
        slice=_times(sched["slice_ns"]),
        handed=by_kind("handover_ns"),
        pulled=sched["pulled"],
        ran=by_kind("ran_ns"),
        placed=_placed(sched.get("placed")),
        ran_io_ns={kind: row["io"] for kind, row in parts.items()},
        ran_user_ns={kind: row["user"] for kind, row in parts.items()},
        placed_by_queue=_placed(sched.get("placed_by_queue")),
    )


def _placed(rows: Sequence[Mapping[str, int]] | None) -> dict[int, tuple[int, int]]:
    return {row["runnable"]: (row["same_cpu"], row["other_cpu"]) for row in rows or ()}


def _call(row: Mapping[str, Any]) -> CallRecord:
    figures = {name.removesuffix("_ns"): row[name] for name in ("p50_ns", "p90_ns", "p99_ns")}
    figures |= {"count": row["calls"], "max": row["max_ns"]}
    return CallRecord(
        row["name"],
        row["class"],
        row["errors"],
        row["off_cpu_ns"],
        _times(figures, row["total_ns"]),
        row.get("bytes"),
        row.get("events"),
    )


# ---- what tracing cost ----


def _observer(observer: Mapping[str, Any], also: Mapping[str, Any]) -> Observer | None:
    slowdown = observer["slowdown"]
    if not slowdown["pairs"]:
        return None
    return Observer(
        observer["baseline_ns_per_unit"],
        observer["traced_ns_per_unit"],
        slowdown["median"],
        slowdown["low"],
        slowdown["high"],
        slowdown["pairs"],
        slowdown["pairs"] >= INTERVAL_PAIRS,
        also.get("untraced_switches") or 0.0,
        also.get("traced_switches") or 0.0,
    )


def _estimate(document: Document, threads: Ledger) -> Estimate | None:
    """An unknown one for a command or process of which neither pairs nor an estimate are there."""
    found = document["observer"]["estimate"]
    if found is None:
        if document["target"]["kind"] == "workload" or document["observer"]["slowdown"]["pairs"]:
            return None
        on_cpu_ns = sum(threads.parts.get(name, 0) for name in ON_CPU_PARTS)
        return Estimate(0, on_cpu_ns, on_cpu_ns, on_cpu_ns, 0)
    on_cpu_ns = found["on_cpu_ns"]
    low_ns, high_ns = (on_cpu_ns * s / (1 + s) for s in (found["low"], found["high"]))
    return Estimate(found["events"], on_cpu_ns, low_ns, high_ns, found["samples"])
