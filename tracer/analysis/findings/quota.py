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


def find(document: Document) -> Finding | None:
    held_ns = int(document["ledgers"]["wall"].get("held_ns") or 0)
    quota = _largest(document)
    if quota is None or share(document, held_ns) < LEAST_SHARE:
        return None
    group = quota["group"].rstrip("/").rpartition("/")[2]
    return finding(
        __name__,
        share(document, held_ns),
        f"the CPU quota of control group {named(group)}, {quota['cpus']:g} CPUs, held it back for"
        f" {duration(held_ns)}, {rounded(share(document, held_ns))} of the time: ready to run, and"
        " not allowed to",
        f"throttled in {count(quota['throttled_periods'])} of"
        f" {counted(quota['periods'], 'period')}, {duration(quota['throttled_ns'])} over all CPUs",
        f"raise cpu.max (cpu.cfs_quota_us) of {named(group)}, or use fewer threads at once",
    )


def _largest(document: Document) -> Mapping[str, Any] | None:
    """The quota that held longest; None where none did."""
    quotas = [quota for quota in document["host"]["quotas"] if quota["throttled_ns"]]
    return max(quotas, key=lambda quota: quota["throttled_ns"], default=None)
