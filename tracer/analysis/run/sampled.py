"""Estimates from the part of the system calls that --sample saw, with their error.

The error comes from the groups that the pieces of time are in: how much a share changes when one of
them is left out (the jackknife over random groups). Source: K. Wolter, Introduction to Variance
Estimation, 2nd edition, 2007, chapters 2 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.run.ledger import IO_CLASSES
from tracer.analysis.statistics.intervals import student_t
from tracer.model.sampled import Sampled
from tracer.model.section import Section
from tracer.model.states import ON_CPU_PARTS, SYSCALL_PARTS, USER
from tracer.model.syscalls import class_of, name_of
from tracer.probes.syscalls import CallRecord

#: Fewer groups with something in them do not tell the error.
_FEWEST_GROUPS = 3
_IO = [ON_CPU_PARTS.index(f"syscall:{name}") for name in IO_CLASSES]
_SYSTEM = [ON_CPU_PARTS.index(part) for part in SYSCALL_PARTS]
_OF = {
    "user": [ON_CPU_PARTS.index(USER)],
    "io": _IO,
    "system": [n for n in _SYSTEM if n not in _IO],
}


def sampled(
    found: Sampled,
    on_cpu_ns: int,
    path_on_cpu_ns: int,
    calls: Sequence[CallRecord] | None,
    sections: Sequence[tuple[str, Section]] = (),
) -> dict[str, Any]:
    """The part `sampled` of the JSON document. `on_cpu_ns`: of all threads, `path_on_cpu_ns`: of
    the critical path, seen or not; `calls`: the calls seen, None without the probe syscalls;
    `sections`: what probes counted of the calls seen."""
    seen_ns, seen_path_ns = int(found.ns.sum()), int(found.path_ns.sum())
    return {
        "one_in": found.one_in,
        "seen_ns": seen_ns,
        "on_cpu_ns": on_cpu_ns,
        "seen_share": min(seen_ns / on_cpu_ns, 1.0) if on_cpu_ns else None,
        "calls": found.all_calls,
        "seen_calls": found.seen_calls,
        "on_cpu": {
            name: _share(found.ns[:, parts].sum(axis=1), found.ns.sum(axis=1), seen_ns / on_cpu_ns)
            for name, parts in _OF.items()
        }
        if seen_ns
        else None,
        "path": {
            "seen_ns": seen_path_ns,
            "on_cpu_ns": path_on_cpu_ns,
            **{
                name: float(found.path_ns[parts].sum() / seen_path_ns)
                for name, parts in _OF.items()
            },
        }
        if seen_path_ns
        else None,
        "syscalls": _calls(found, calls or ()),
        "detail": {name: dict(section.data) for name, section in sections},
    }


def _calls(found: Sampled, records: Sequence[CallRecord]) -> list[dict[str, Any]]:
    """By name, the most frequent first."""
    times = {record.name: record for record in records}
    total, every = found.all_calls, found.calls.sum(axis=1)
    rows = []
    for number in np.flatnonzero(found.calls.sum(axis=0)).tolist():
        counted = found.calls[:, number]
        share = _share(counted, every, found.seen_calls / total)
        name = name_of(number)
        rows.append(
            {
                "name": name,
                "class": class_of(name),
                "seen": int(counted.sum()),
                "calls": round(int(counted.sum()) / found.seen_calls * total),
                "low": None if share["low"] is None else round(share["low"] * total),
                "high": None if share["high"] is None else round(share["high"] * total),
                **_times(times.get(name)),
            }
        )
    return sorted(rows, key=lambda row: -row["calls"])


def _times(record: CallRecord | None) -> dict[str, int | None]:
    """Of one call, of those seen."""
    if record is None:
        return dict.fromkeys(("mean_ns", "mean_off_cpu_ns", "p50_ns", "p90_ns", "p99_ns", "max_ns"))
    times = record.times
    return {
        "mean_ns": round(times.sum_ns / max(times.count, 1)),
        "mean_off_cpu_ns": round(record.off_cpu_ns / max(times.count, 1)),
        "p50_ns": times.percentile_ns(50),
        "p90_ns": times.percentile_ns(90),
        "p99_ns": times.percentile_ns(99),
        "max_ns": times.max_ns,
    }


def _share(
    part: NDArray[np.int64], whole: NDArray[np.int64], seen: float
) -> dict[str, float | None]:
    """`part` of `whole`, both by group, with its 95 % interval; `seen`: the share of all that this
    is, whose rest alone is estimated."""
    share = float(part.sum() / whole.sum())
    there = np.flatnonzero(whole)
    n = len(there)
    if n < _FEWEST_GROUPS:
        return {"share": share, "low": None, "high": None}
    without = (part.sum() - part[there]) / (whole.sum() - whole[there])
    variance = (n - 1) / n * float(((without - without.mean()) ** 2).sum())
    half = student_t(n - 1) * (variance * max(1 - seen, 0.0)) ** 0.5
    return {"share": share, "low": max(share - half, 0.0), "high": min(share + half, 1.0)}


def told(data: Mapping[str, Any]) -> str:
    """`--sample 1/8`, of this part of a document."""
    return f"--sample 1/{data['one_in']}"
