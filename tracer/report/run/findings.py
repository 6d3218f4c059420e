"""The findings in the report: at most three, each with what it rests on."""

from __future__ import annotations

from tracer.analysis.findings import Finding
from tracer.units import percent

#: More are left to the JSON report.
_MOST = 3


def findings(found: list[Finding]) -> list[str]:
    """The lines of the findings, the one that explains most first; empty where there are none."""
    if not found:
        return []
    lines = ["Findings"]
    for number, one in enumerate(found[:_MOST], 1):
        lines.append(f"{number}. {percent(one.share)}  {one.sentence}")
        lines.append(f"   {one.evidence}")
    return lines
