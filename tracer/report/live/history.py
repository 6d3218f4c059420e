"""What a live view remembers of earlier windows: shares of the ledger, findings that came and went.

The numbers are those of each window's document; nothing is computed but its share of the window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracer.analysis.run.summary import Summary
from tracer.report.run.path import path_rows

Document = Mapping[str, Any]

#: Windows whose ledger is kept: more than the widest terminal has columns for.
_KEPT = 400
#: For so many windows a finding that is gone is still told.
_TOLD = 5
#: Any width: the times of the rows do not depend on it.
_WIDTH = 80


@dataclass(frozen=True)
class Known:
    """A finding; `since` which window it stands, and the first one without it, if it is `gone`."""

    finding: Mapping[str, Any]
    since: int
    gone: int | None = None


class History:
    """The windows so far; `number` counts them."""

    def __init__(self) -> None:
        self.number = 0
        self._shares: deque[dict[str, float]] = deque(maxlen=_KEPT)
        self._findings: dict[str, Known] = {}

    def add(self, document: Document, run: Summary) -> None:
        """The next window; `run` is the summary of its document."""
        self.number += 1
        window_ns = max(run.window_ns, 1)
        self._shares.append({row.key: row.ns / window_ns for row in path_rows(run, _WIDTH)})
        self._note(document)

    def series(self, key: str, most: int) -> list[float]:
        """The share of a line of the ledger in the latest `most` windows, the oldest first."""
        latest = list(self._shares)[-most:] if most > 0 else []
        return [shares.get(key, 0.0) for shares in latest]

    def peak(self, key: str, most: int) -> float:
        """Its largest share in these windows."""
        return max(self.series(key, most), default=0.0)

    def findings(self) -> list[Known]:
        """Those that stand, the one that explains most first; then those that went lately."""
        return sorted(
            self._findings.values(),
            key=lambda known: (
                known.gone is not None,
                -(known.gone or 0),
                -known.finding["share"],
                known.finding["id"],
            ),
        )

    def _note(self, document: Document) -> None:
        now = {one["id"]: one for one in document["findings"]}
        for name, finding in now.items():
            known = self._findings.get(name)
            stands = known is not None and known.gone is None
            since = known.since if known is not None and stands else self.number
            self._findings[name] = Known(finding, since)
        for name, known in list(self._findings.items()):
            if name in now:
                continue
            if known.gone is None:
                self._findings[name] = replace(known, gone=self.number)
            elif self.number - known.gone >= _TOLD:
                del self._findings[name]
