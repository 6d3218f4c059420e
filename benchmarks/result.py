"""The result of a section, a table with its note and every run, and a section's options."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from tracer.analysis.statistics.intervals import Interval, Ratio
from tracer.host.fingerprint import fingerprint
from tracer.progress import Progress

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "overhead.md"


@dataclass(frozen=True)
class Options:
    """What the user chose. `run_ns`: about how long the measured part of a run is, untraced."""

    rounds: int
    run_ns: float
    reference: Path | None
    subjects: Sequence[str]
    progress: Progress


@dataclass(frozen=True)
class Result:
    """One table; the first `left` columns are text. `data` is what the JSON file holds."""

    name: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    data: Mapping[str, Any]
    left: int = 1
    below: Sequence[str] = ()

    def table(self, style: str) -> str:
        """The rows by tabulate, in one of its styles."""
        align = ["left"] * self.left + ["right"] * (len(self.columns) - self.left)
        rows = [list(row) for row in self.rows]
        return tabulate(rows, self.columns, style, colalign=align, disable_numparse=True)

    def text(self) -> str:
        """For the terminal."""
        return "\n".join([self.name, self.note, "", self.table("simple"), *self.below, ""])

    def markdown(self) -> str:
        """For a document."""
        below = [f"- {line}" for line in self.below]
        return "\n".join(
            [self.note, f"Machine: {machine_line()}.", "", self.table("github"), "", *below, ""]
        )


def with_interval(value: Ratio | Interval | None, scale: float = 1, digits: int = 2) -> str:
    """`1.08 [1.06, 1.11]`, each times `scale`; `-` for None."""
    if value is None:
        return "-"
    low, middle, high = (f"{scale * x:,.{digits}f}" for x in (value.low, value.median, value.high))
    return f"{middle} [{low}, {high}]"


def machine_line() -> str:
    """One line that names this machine; figures of different machines are not comparable."""
    host = fingerprint()
    kernel = ".".join(host["kernel"].split(".")[:2])
    return f"Linux {kernel}, {host['cpu']}, {host['topology']}, {host['machine']}"


def write(result: Result) -> None:
    """Into build/bench, as JSON and as markdown."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    document = {"name": result.name, "host": fingerprint(), "note": result.note, **result.data}
    (OUTPUT / f"{result.name}.json").write_text(json.dumps(document, indent=1) + "\n")
    (OUTPUT / f"{result.name}.md").write_text(result.markdown())


def marker(name: str) -> re.Pattern[str]:
    """Where docs/overhead.md has the table of that name."""
    return re.compile(rf"^<!-- bench: {re.escape(name)} -->\n(.*?)^<!-- /bench -->$", re.M | re.S)


def into_page(result: Result) -> None:
    """Put the table into docs/overhead.md, which has a place for it."""
    new = f"<!-- bench: {result.name} -->\n{result.markdown()}<!-- /bench -->"
    text, count = marker(result.name).subn(lambda _: new, PAGE.read_text())
    if count:
        PAGE.write_text(text)
