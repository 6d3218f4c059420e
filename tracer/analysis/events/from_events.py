"""The summary of a recorded run from its events; what no event tells is from the saved report."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tracer.analysis.events.books import recording_of
from tracer.analysis.events.replay import Replayed
from tracer.analysis.run.bounds import UNKNOWN, what_if
from tracer.analysis.run.document import document
from tracer.analysis.run.saved import summary_of
from tracer.analysis.run.summary import CommandLine, HostSummary, Summary, summarize
from tracer.host.vectors import Kept
from tracer.model.recording import HostLoad, PathThread

#: What of a summary the events tell. Repairs and losses are those that the kernel side counted.
TOLD = (
    *("window_ns", "wall", "threads", "cpu", "headline", "switches", "wakeups", "outside_wakers"),
    *("sched", "syscalls", "open_calls", "behind", "awaited", "top", "rest", "groups"),
)
#: The same of its JSON document.
_TOLD_DATA = (
    *("window_ns", "ledgers", "headline", "sched", "syscalls", "what_if", "thread_groups"),
    *("threads", "doubts"),
)
_TOP = 5


def summary_from(
    found: Replayed,
    meta: Mapping[str, Any],
    kept: Kept | None,
    saved: Mapping[str, Any] | None,
) -> Summary:
    """`saved`: the report of the run (report.json), None where the recording ended before it was
    written: what no event tells is unknown then."""
    before = summary_of(saved) if saved is not None else None
    names = {int(row["slot"]): str(row["name"]) for row in meta["threads"]}
    names |= _names_told(found, names)
    recording = recording_of(
        found,
        online_cpus=meta.get("cpus_at_end") or meta["cpus"],
        attached_cpus=meta["cpus"],
        names=names,
        kept=kept,
        light=before.light if before else False,
        switch_cost_ns=before.host.switch_cost_ns if before else None,
        argv=tuple(meta["command"]),
        path_thread=None if before or found.end_row < 0 else _path_thread(found, names),
    )
    command = tuple(meta["command"])
    fresh = summarize(
        recording,
        name=" ".join(command),
        transport="",
        unit=before.unit if before and not meta.get("last") else "run",
        top=len(before.top) if before else _TOP,
        kind=before.target.kind if before else "command",
        command_line=CommandLine("tracer run"),
    )
    if before is None:
        return dataclasses.replace(fresh, host=_host(fresh.host, meta), is_reported=False)
    if meta.get("last"):  # what was saved is of the whole run
        return dataclasses.replace(fresh, host=before.host, target=before.target)
    told = {name: getattr(fresh, name) for name in TOLD}
    if before.sched is None:
        told |= {"sched": None, "wakeups": None}
    elif fresh.sched is not None:
        queue = before.sched.placed_by_queue
        told["sched"] = dataclasses.replace(fresh.sched, placed_by_queue=queue)
    if before.syscalls is None:
        told["syscalls"] = None
    if not before.groups:
        told["groups"] = ()
    bounds = UNKNOWN
    if before.target.kind != "attach":
        bounds = what_if(fresh.wall, fresh.headline, told["sched"])
    return dataclasses.replace(before, **told, what_if=bounds)


def _names_told(found: Replayed, names: Mapping[int, str]) -> dict[int, str]:
    """Names that events tell of threads that the recording has no other name for."""
    return {
        int(row["slot"]): row["comm"].decode(errors="replace")
        for row in found.threads
        if int(row["slot"]) not in names and row["comm"]
    }


def _path_thread(found: Replayed, names: Mapping[int, str]) -> PathThread:
    row = found.threads[found.end_row]
    return PathThread(int(row["tid"]), names.get(int(row["slot"]), ""), 0)


def _host(host: HostSummary, meta: Mapping[str, Any]) -> HostSummary:
    """That of the recorded run instead of this one."""
    known = meta["host"]
    return dataclasses.replace(
        host,
        kernel=known.get("kernel", ""),
        machine=meta.get("machine", ""),
        fingerprint=known,
        load=HostLoad(0, 0),
    )


def document_from(summary: Summary, saved: Mapping[str, Any] | None) -> dict[str, Any]:
    """The JSON document: the members that events tell anew, all others as they were saved."""
    data = document(summary)
    if saved is None:
        return data
    told = {name: data[name] for name in _TOLD_DATA}
    return {**saved, **told}
