"""The findings in the report: at most three, each with what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from tracer.analysis.findings import Finding
from tracer.report.layout import fit

#: More are left to the JSON report.
MOST = 3


def findings(found: Sequence[Finding], width: int, most: int = 100) -> list[str]:
    """The lines of the findings, the one that explains most first, in at most `most` lines: first
    evidence goes, the last one's first, then findings. The first one's sentence always stands."""
    shown = [
        (fit(f"{number}. {one.sentence}", width), fit(f"   {one.evidence}", width, "   "))
        for number, one in enumerate(found[:MOST], 1)
    ]
    count = len(shown)
    tries = [(count, n) for n in range(count, 0, -1)] + [(n, 1) for n in range(count - 1, 0, -1)]
    for number, with_evidence in tries:
        lines = [
            line
            for at, (sentence, evidence) in enumerate(shown[:number])
            for line in [*sentence, *(evidence if at < with_evidence else [])]
        ]
        if len(lines) <= most:
            return lines
    return shown[0][0] if shown else []
