"""What a section gives: a table with its note, and every run; and what it is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks import host
from benchmarks.blocks import Ratio

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "overhead.md"


@dataclass(frozen=True)
class Options:
    """What the user chose. `run_ns`: about how long one run's measured part is, untraced."""

    rounds: int
    run_ns: float
    reference: Path | None
    subjects: Sequence[str]
    progress: Callable[[str], None]


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
            [self.note, f"Machine: {host.line()}.", "", self.table("github"), "", *below, ""]
        )


def interval(ratio: Ratio) -> str:
    """`1.08 [1.06, 1.11]`."""
    return f"{ratio.median:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def write(result: Result) -> None:
    """Into build/bench, as JSON and as markdown."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    document = {"name": result.name, "machine": host.line(), "note": result.note, **result.data}
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
