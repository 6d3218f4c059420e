"""A CPU quota: threads were ready to run, and their control group was not allowed to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, named, rounded, share
from tracer.units import count, counted, duration

NAME = "Quota"
#: The path was held back for this share of the window at least.
LEAST_SHARE = 0.05


def _largest(document: Document) -> Mapping[str, Any] | None:
    """The quota that held longest; None where none did."""
    quotas = [quota for quota in document["host"]["quotas"] if quota["throttled_ns"]]
    return max(quotas, key=lambda quota: quota["throttled_ns"], default=None)


def _each_ns(document: Document) -> float:
    """What it allows in a period, ns of CPU time; 0 where the period is not known."""
    quota = _largest(document)
    return 0.0 if quota is None else float(quota["cpus"] * quota.get("period_ns", 0))


def _unused(document: Document) -> float:
    """The share of the CPUs' time in which they were idle."""
    cpu = document["ledgers"]["cpu"]
    return float(cpu["parts"].get("idle", 0) / max(cpu["total_ns"], 1))


DERIVED = {"allowed in a period, ns": _each_ns, "CPUs idle": _unused}


def find(document: Document) -> Finding | None:
    held_ns = int(document["ledgers"]["wall"].get("held_ns") or 0)
    quota = _largest(document)
    if quota is None or share(document, held_ns) < LEAST_SHARE:
        return None
    group = quota["group"].rstrip("/").rpartition("/")[2]
    allowed = f"{quota['cpus']:g} CPUs"
    if quota.get("period_ns"):
        allowed = f"{duration(_each_ns(document))} of CPU time in {duration(quota['period_ns'])}"
    return finding(
        __name__,
        share(document, held_ns),
        f"the CPU quota of {named(group)} ({allowed}) held it back for {duration(held_ns)},"
        f" {rounded(share(document, held_ns))} of the time: ready, and not allowed to run",
        f"throttled in {count(quota['throttled_periods'])} of"
        f" {counted(quota['periods'], 'period')}, {duration(quota['throttled_ns'])} over all CPUs;"
        f" CPUs were idle for {rounded(_unused(document))} of their time",
        f"raise cpu.max (cpu.cfs_quota_us) of {named(group)}, or use fewer threads at once",
    )
