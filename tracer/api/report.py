"""A report as objects: of a block that was traced just now, or of a saved file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.analysis.findings import Finding
    from tracer.analysis.run.counts import GroupRow, Switches, ThreadRow
    from tracer.analysis.run.ledger import Headline
    from tracer.analysis.run.summary import Summary
    from tracer.api.objects import Call, Ledger, Line, Place
    from tracer.api.table import Table

_WIDTH = 100
_INDENT = 2


class Report:
    """One window of a program: where its time went, what holds it back, and every count.

    Times are integers in ns. What was not recorded is None, or an empty tuple, never zero: calls
    without the probe `syscalls`, places without the probe `stacks`.

    Parameters
    ----------
    document:
        The JSON document (`tracer.run/2`, docs/schema/tracer.run-2.json).
    summary:
        What it was made of; without it, it is read from the document.
    """

    def __init__(self, document: Mapping[str, Any] | None, summary: Summary | None = None) -> None:
        self._document, self._made_of = document, summary

    # ---- the report as it is printed and saved ----

    @property
    def has_report(self) -> bool:
        """Whether there is something to read: of a trace, once its block has ended."""
        return self._document is not None

    @property
    def document(self) -> Mapping[str, Any]:
        """The JSON document as plain data."""
        if self._document is None:
            raise TracerError(self._why_none(), "read it after the block has ended")
        return self._document

    def _why_none(self) -> str:
        return "there is no report"

    @cached_property
    def summary(self) -> Summary:
        """Everything in it as tracer's own records. It follows tracer, not this interface."""
        from tracer.analysis.run.saved import summary_of

        document = self.document
        return self._made_of if self._made_of is not None else summary_of(document)

    def to_json(self, indent: int | None = 2) -> str:
        """The document as `tracer attach --json` writes it."""
        from tracer.report.json_text import json_text

        return json_text(self.document, indent)

    def to_text(self, width: int = _WIDTH, *, brief: bool = False) -> str:
        """The text report, at most `width` columns; `brief`: its first screen alone."""
        from tracer.report.run.text import Shown, render

        return render(self.summary, width, Shown(brief=brief), self.document)

    def show(self, *, brief: bool = False, file: IO[str] | None = None) -> None:
        """Print the text report, as wide as the terminal, to `file` or standard output."""
        width = shutil.get_terminal_size((_WIDTH, 24)).columns
        (file or sys.stdout).write(self.to_text(width, brief=brief))

    # ---- what it says ----

    @property
    def window_ns(self) -> int:
        """How long it was measured."""
        return int(self.document["window_ns"])

    @property
    def units(self) -> int | None:
        """Units of work done in it; None where nobody counted them."""
        units = self.document["result"]["units"]
        return None if units is None else int(units)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why not to trust it: an open ledger, lost events; empty for one to be trusted."""
        return tuple(self.document["doubts"])

    @property
    def lost(self) -> int:
        """Events that could not be recorded: with any, counts are too low."""
        return int(self.document["losses"]["total"])

    @property
    def headline(self) -> Headline:
        """Shares of the window: I/O, switching, own code, other calls, waiting."""
        return self.summary.headline

    @cached_property
    def ledger(self) -> Ledger:
        """Where the time went, along the critical path."""
        from tracer.api.objects import Ledger

        wall = self.summary.wall
        return Ledger(wall.total_ns, wall.parts, _lines(self.summary))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What holds the program back, the one that explains most first."""
        from tracer.analysis.findings import Finding

        return tuple(Finding(**one) for one in self.document.get("findings") or ())

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """System calls of all threads, longest in total first. Of a run with --sample none: its
        estimates are `document["sampled"]`."""
        from tracer.api.objects import Call

        return tuple(map(Call.of, self.document["syscalls"] or ()))

    @property
    def threads(self) -> tuple[ThreadRow, ...]:
        """The busiest threads one by one, as many as were asked for."""
        return self.summary.top

    @property
    def groups(self) -> tuple[GroupRow, ...]:
        """All threads, those together whose names differ in numbers only."""
        return self.summary.groups

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where in the program the path's time was spent, most first; needs the probe stacks."""
        from tracer.api.objects import Place

        return tuple(map(Place.of, (self.document.get("where") or {}).get("places", ())))

    @property
    def switches(self) -> Switches:
        """Context switches and migrations of all threads."""
        return self.summary.switches

    def value(self, path: str) -> float:
        """One number of the document by its path, as in a budget: `syscalls.read.calls`.
        TracerError where there is none, with what there is."""
        from tracer.analysis.run.budget import value_at

        return value_at(self.document, path)

    def broken(self, budgets: Sequence[str]) -> list[str]:
        """A line for each budget that is broken: `sched.switches.per_unit<=1.05`. TracerError for a
        text that is no budget, and for a number that the document has not."""
        from tracer.analysis.run.budget import broken, parse

        return broken([parse(text) for text in budgets], self.document)

    def table(self, name: str) -> Table:
        """`ledger`, `findings`, `calls`, `threads`, `groups` or `places` as rows of plain values,
        for pandas and pyarrow."""
        from tracer.api.table import table_of

        return table_of(self, name)

    def __repr__(self) -> str:
        from tracer.units import duration

        name = type(self).__name__
        if self._document is None:
            return f"<tracer.{name}: {self._why_none()}>"
        return f"<tracer.{name} of {self.document['target']['name']}: {duration(self.window_ns)}>"

    def _repr_html_(self) -> str | None:
        """In a notebook: what puts it in doubt, the answer, the findings, the ledger as a table."""
        if self._document is None:
            return None
        from html import escape

        from tracer.report.run.advice import in_words
        from tracer.report.run.head import length
        from tracer.report.run.trust import busy, warning

        run = self.summary
        answer = f"{length(run)}. {in_words(run)}"
        said = [*warning(run), *busy(run), answer, *(one.sentence for one in self.findings)]
        return "".join(f"<div>{escape(text)}</div>" for text in said) + self.ledger._repr_html_()


def _lines(run: Summary) -> tuple[Line, ...]:
    from tracer.api.objects import Line
    from tracer.report.run.path import path_rows

    total = max(run.window_ns, 1)
    return tuple(
        Line(
            row.label.strip(),
            round(row.ns),
            row.ns / total,
            (len(row.label) - len(row.label.lstrip())) // _INDENT,
        )
        for row in path_rows(run, _WIDTH)
    )
