"""The tables of the live view: each row's cells as text, and the values that they are sorted by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tracer.analysis.run.counts import GroupRow, ThreadRow
from tracer.analysis.run.summary import Summary
from tracer.analysis.where.places import NO_SAMPLE, Place
from tracer.model.words import PART_LINES
from tracer.report.layout import fit
from tracer.report.live.history import History
from tracer.report.live.upper import since
from tracer.report.run.activity import call_times_ns, columns_of
from tracer.report.run.threads import behind_text, thread_name, times_ns
from tracer.report.run.where import place_text
from tracer.report.run.who import doing_text, who_name
from tracer.units import count, in_points, percent, plain

Document = Mapping[str, Any]
Value = float | str

#: More rows than these are left to the saved report.
_MOST = 200
#: Columns of a place, and of a text in several rows.
_LONGEST_PLACE = 60


@dataclass(frozen=True)
class TableRow:
    """`key`, of a thread its number, is the same in each window; `values` are what the columns are
    sorted by."""

    key: str
    cells: tuple[str, ...]
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Table:
    """`empty`: what to say where there are no rows."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    empty: str = ""

    def is_text(self, column: int) -> bool:
        """Whether a column is sorted as text, and aligned to the left."""
        return bool(self.rows) and isinstance(self.rows[0].values[column], str)

    def sorted(self, column: int, reverse: bool) -> tuple[TableRow, ...]:
        """The rows by a column: numbers from large to small, texts from A to Z, or `reverse`."""
        if not self.rows:
            return ()
        column = min(column, len(self.columns) - 1)
        rows = sorted(self.rows, key=lambda row: row.key)
        rows.sort(key=lambda row: row.values[column], reverse=self.is_text(column) == reverse)
        return _told_apart(rows[:_MOST])


def _told_apart(rows: Sequence[TableRow]) -> tuple[TableRow, ...]:
    """Each with a key of its own, which the terminal's table needs: functions of one name can be in
    files of one name, and a thread can have the number of one that ended in the same window."""
    times: Counter[str] = Counter()
    found = []
    for row in rows:
        times[row.key] += 1
        again = f" ({times[row.key]})" * (times[row.key] > 1)
        found.append(replace(row, key=f"{row.key}{again}"))
    return tuple(found)


def groups(run: Summary, _document: Document, _history: History) -> Table:
    """Threads by name."""
    rows = run.groups
    heads, cells, values = _of_threads(run, rows)
    return Table(
        ("thread", "number", *heads),
        tuple(
            TableRow(row.name, (thread_name(row.name), count(row.threads), *cell),
                     (row.name, row.threads, *value))
            for row, cell, value in zip(rows, cells, values, strict=True)
        ),
        "no thread of the target was seen in this window",
    )  # fmt: skip


def threads(run: Summary, _document: Document, _history: History) -> Table:
    """The busiest threads, one by one."""
    heads, cells, values = _of_threads(run, run.top)
    return Table(
        ("tid", "thread", *heads),
        tuple(
            TableRow(str(row.tid), (str(row.tid), thread_name(row.name), *cell),
                     (-row.tid, row.name, *value))
            for row, cell, value in zip(run.top, cells, values, strict=True)
        ),
        "no threads are listed: --top N",
    )  # fmt: skip


def _of_threads(
    run: Summary, rows: Sequence[GroupRow | ThreadRow]
) -> tuple[list[str], list[list[str]], list[tuple[Value, ...]]]:
    times = [times_ns(run, row) for row in rows]
    if not rows:
        return [], [], []
    heads, cells = columns_of({name: [one[name] for one in times] for name in times[0]})
    others = [
        [behind_text(row.behind), count(row.voluntary), count(row.involuntary)] for row in rows
    ]
    values: list[tuple[Value, ...]] = [
        (*one.values(), float(sum(row.behind.values())), row.voluntary, row.involuntary)
        for one, row in zip(times, rows, strict=True)
    ]
    both = [a + b for a, b in zip(cells, others, strict=True)]
    return [*heads, "own/others/held", "vol", "invol"], both, values


def calls(run: Summary, _document: Document, _history: History) -> Table:
    """System calls."""
    rows = run.syscalls or ()
    sums, each = call_times_ns(rows)
    heads, cells = columns_of(sums, each)
    figures = {**sums, **each}
    return Table(
        ("call", "calls", *heads, "errors"),
        tuple(
            TableRow(call.name, (call.name, count(call.times.count), *cell, _errors(call.errors)),
                     (call.name, call.times.count, *(figures[f][n] or 0 for f in figures),
                      sum(call.errors.values())))
            for n, (call, cell) in enumerate(zip(rows, cells, strict=True))
        ),
        "--light sees no system calls" if run.light else "no call ended in this window",
    )  # fmt: skip


def _errors(errors: Mapping[str, int]) -> str:
    most = sorted(errors.items(), key=lambda item: -item[1])[:2]
    return " ".join(f"{count(times)} {name}" for name, times in most)


def who(run: Summary, _document: Document, _history: History) -> Table:
    """Who was on the path."""
    found = run.who
    rows = found.rows if found else ()
    window_ns = max(run.window_ns, 1)
    return Table(
        ("on the path", "share", "+-", "what it did"),
        tuple(
            TableRow(f"{row.role} {row.group}",
                     (who_name(row), percent(row.ns / window_ns), in_points(row.error),
                      doing_text(row, window_ns, _LONGEST_PLACE)),
                     (who_name(row), row.ns, row.error or 0.0, ""))
            for row in rows
        ),
        "--light does not sample who was on the path" if run.light else "no samples",
    )  # fmt: skip


def places(_run: Summary, document: Document, _history: History) -> Table:
    """Places in the program."""
    found = document.get("where")
    rows = [row for row in found["places"] if row["function"] != NO_SAMPLE] if found else []
    return Table(
        ("place", "what it did there", "share", "+-"),
        tuple(_place(row) for row in rows),
        "no samples in this window" if found else "start with --probe +stacks to see places",
    )


def _place(row: Mapping[str, Any]) -> TableRow:
    place = Place(row["function"], file=row["file"] or "", line=row["line"] or 0,
                  called=row["called"] or "")  # fmt: skip
    text = place_text(place, _LONGEST_PLACE)
    what = PART_LINES[row["part"]]
    if row["part"].startswith("syscall:") and row["calls"]:
        what = f"{what}: {plain(row['calls'][0])}"
    return TableRow(
        f"{text} {row['part']}",
        (text, what, percent(row["share"]), in_points(row["error"])),
        (text, what, row["share"], row["error"] or 0.0),
    )


def findings(_run: Summary, _document: Document, history: History) -> Table:
    """All findings with what they rest on, and those that went lately."""
    return Table(
        ("share", "finding"),
        tuple(
            TableRow(
                f"{known.finding['id']} {n}",
                (percent(known.finding["share"]) if not n else "", text),
                (known.finding["share"] - n * 1e-6 - (known.gone is not None), text),
            )
            for known in history.findings()
            for n, text in enumerate(
                (
                    *fit(
                        f"{since(known, history.number)}{plain(known.finding['sentence'])}",
                        _LONGEST_PLACE,
                    ),
                    *fit(plain(known.finding["evidence"]), _LONGEST_PLACE),
                    *fit(f"next: {plain(known.finding['next'])}", _LONGEST_PLACE),
                )
            )
            if text
        ),
        "no findings in this window",
    )


#: The tables by the key that shows each, and the column that each is sorted by at first.
TABLES: dict[str, tuple[str, Callable[[Summary, Document, History], Table], int]] = {
    "1": ("groups", groups, 3),
    "2": ("threads", threads, 3),
    "3": ("calls", calls, 2),
    "4": ("who", who, 1),
    "5": ("places", places, 2),
    "6": ("findings", findings, 0),
}
