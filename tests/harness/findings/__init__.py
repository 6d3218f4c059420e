"""Planted documents for the findings: a file for each finding, of the same name.

Each file has `FIRES` and `SILENT`: documents (made by `run`) on which the finding must stand and on
which it must not. tests/unit/analysis/findings checks them all.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from harness.summarized import planted_summaries
from tracer.analysis.run.document import document
from tracer.model.states import (
    ON_CPU_PARTS,
    PREEMPTED,
    SYSCALL_PARTS,
    WAKEUP_IDLE,
    WAKEUP_QUEUED,
    YIELDED,
)

_IO = ("syscall:io", "syscall:poll", "syscall:io_uring")
_WAITING = ("sleep", "timed_wait", "external", "kernel_workers")
_BASE = document(planted_summaries()["command"])


def run(
    window_ns: int = 1_000_000_000,
    wall: Mapping[str, int] | None = None,
    threads: Mapping[str, int] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The document of a command that ran alone for `window_ns`, quiet and with all probes.

    `wall`: the path's parts, the rest is `user`; `threads`: all threads' parts, by default what the
    path has on CPUs and ready. `changes` replace members of the document: mappings are merged,
    anything else takes their place.
    """
    data: dict[str, Any] = _zeroed(copy.deepcopy(_BASE))
    path = {**data["ledgers"]["wall"]["parts"], **(wall or {})}
    path["user"] = window_ns - sum(ns for name, ns in path.items() if name != "user")
    own = data["ledgers"]["threads"]["parts"]
    own = {**own, **(threads or {name: ns for name, ns in path.items() if name in own})}
    total_ns = window_ns * len(data["host"]["online_cpus"])
    ledger = {"residual_ns": 0}
    on_cpus = {f"target_{name}": own.get(name, 0) for name in ON_CPU_PARTS}
    idle = {"parts": {**on_cpus, "idle": max(total_ns - sum(on_cpus.values()), 0)}}
    data["kernel_time"] = {
        "outside_calls_ns": 0, "error_ns": 0, "on_path_ns": 0, "minor_faults": 100,
        "major_faults": 0, "why_unknown": None,
    }  # fmt: skip
    return merged(
        data,
        {
            "window_ns": window_ns,
            "doubts": [],
            "ledgers": {
                "wall": {"total_ns": window_ns, "parts": path, **ledger},
                "threads": {"total_ns": sum(own.values()), "parts": own, **ledger},
                "cpu": {"total_ns": total_ns, **idle, **ledger},
            },
            "headline": _headline(window_ns, path),
            "syscalls": [],
            "thread_groups": [],
            "threads": [],
            "observer": {"estimate": None},
            **changes,
        },
    )


def call(name: str, cls: str, calls: int, total_ns: int, on_cpu_ns: int, **more: Any) -> Any:
    """A row of `syscalls`; `more`: errors, open, percentiles."""
    each = round(total_ns / max(calls, 1))
    times = {"p50_ns": each, "p90_ns": each, "p99_ns": each, "max_ns": each}
    return {
        "name": name, "class": cls, "calls": calls, "per_unit": None, "errors": {},
        "total_ns": total_ns, "on_cpu_ns": on_cpu_ns, "off_cpu_ns": total_ns - on_cpu_ns,
        **times, "open": 0, **more,
    }  # fmt: skip


def merged(data: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`data` with `changes`: mappings merged, anything else replaced."""
    for name, value in changes.items():
        old = data.get(name)
        is_both = isinstance(old, dict) and isinstance(value, Mapping)
        data[name] = merged(dict(old), value) if is_both else value
    return data


def _zeroed(data: Any) -> Any:
    """The same with 0 for every count."""
    if isinstance(data, dict):
        kept = ("host", "target", "result")
        return {name: one if name in kept else _zeroed(one) for name, one in data.items()}
    if isinstance(data, list):
        return [_zeroed(one) for one in data]
    return 0 if isinstance(data, int | float) and not isinstance(data, bool) else data


def _headline(window_ns: int, path: Mapping[str, int]) -> dict[str, float]:
    ready = (WAKEUP_IDLE, WAKEUP_QUEUED, PREEMPTED, YIELDED)
    other = tuple(name for name in SYSCALL_PARTS if name not in _IO)
    lines = {"io": _IO, "switching": ready, "user": ("user",), "system": other, "waiting": _WAITING}
    return {name: sum(path[p] for p in parts) / window_ns for name, parts in lines.items()}
