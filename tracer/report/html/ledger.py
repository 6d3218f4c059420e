"""The ledger as a bar: each share of the headline with what it opens into, over the document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.run.summary import Summary
from tracer.model.words import BEHIND_LINES, LINES, PART_LINES, WAITING_LINES
from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column
from tracer.report.html.parts import CLASSES, NAMES, PARTS
from tracer.report.run.sampled import ESTIMATED, interval
from tracer.units import duration, percent, plain

#: A line with less of the window is not shown.
_LEAST = 0.0001


def ledger(run: Summary, document: Mapping[str, Any]) -> Block:
    """The shares of the window, in the order of the headline, the largest open."""
    window_ns = max(run.window_ns, 1)
    parts = [
        _part(name, share, run, document)
        for name, share in run.shares.items()
        if share * window_ns >= 1
    ]
    return {
        "kind": "ledger",
        "title": "",
        "total": duration(window_ns),
        "unit": run.unit if run.units else "",
        "parts": parts,
    }


def _part(name: str, share: float, run: Summary, document: Mapping[str, Any]) -> dict[str, Any]:
    ns = share * run.window_ns
    whole_ns = max(run.window_ns, 1)
    lines = [
        {"label": label, "ns": round(line), "text": _amount(run, line),
         "share": percent(line / whole_ns)}
        for label, line in _lines(name, run).items()
        if line >= _LEAST * whole_ns
    ]  # fmt: skip
    tables = [_calls(name, document), _threads(name, run, document), _places(name, document)]
    return {
        "name": name,
        "label": NAMES[name],
        "value": share,
        "share": percent(share),
        "text": _amount(run, ns),
        "lines": lines,
        "tables": [one for one in tables if one],
    }


def _amount(run: Summary, ns: float) -> str:
    """A time of the window; by unit of work where units were counted."""
    return f"{duration(run.per_unit(ns))} per {run.unit}" if run.units else duration(ns)


def _lines(name: str, run: Summary) -> dict[str, float]:
    """What a share is made of, ns by label."""
    parts = run.wall.parts
    if name == "switching":
        lines: dict[str, float] = {LINES[part]: parts[part] for part in PARTS["switching"]}
        lines[LINES["switch"]] = run.headline.switch_cost_ns
        return {**lines, **{BEHIND_LINES[who]: ns for who, ns in run.behind.items()}}
    if name == "waiting":
        times = {**run.awaited, "kernel_workers": parts["kernel_workers"]}
        return {WAITING_LINES[awaited]: ns for awaited, ns in times.items()}
    if name == "on_cpu" and run.sampled and run.sampled["path"]:
        on_cpu_ns = run.headline.on_cpu * run.window_ns
        return {f"~ {text}": run.sampled["path"][n] * on_cpu_ns for n, text in ESTIMATED.items()}
    return {PART_LINES[part]: parts.get(part, 0) for part in PARTS.get(name, ())}


def _calls(name: str, document: Mapping[str, Any]) -> Block | None:
    """The calls of these classes, of all threads."""
    classes = CLASSES.get(name, ())
    rows = [row for row in document["syscalls"] or () if row["class"] in classes]
    return calls_table("Calls (of all threads, on the path or not)", rows) if rows else None


def calls_table(title: str, rows: list[dict[str, Any]]) -> Block:
    """Rows of the document's `syscalls`."""
    columns = [
        Column("call", is_text=True),
        Column("class", is_text=True),
        Column("calls"),
        Column("per unit", about="Calls by unit of work"),
        Column("total", about="Inside the call, on a CPU and off, of all threads"),
        Column("on CPU"),
        Column("off CPU"),
        Column("p50"),
        Column("p99"),
        Column("longest"),
        Column("errors", is_text=True),
    ]
    cells = [
        [
            blocks.name(row["name"]),
            row["class"],
            blocks.number(row["calls"]),
            blocks.per_unit(row["per_unit"]),
            *(blocks.time(row[key]) for key in ("total_ns", "on_cpu_ns", "off_cpu_ns")),
            *(blocks.time(row[key]) for key in ("p50_ns", "p99_ns", "max_ns")),
            ", ".join(f"{plain(error)} {times:,}" for error, times in row["errors"].items()),
        ]
        for row in rows
    ]
    return blocks.table(title, columns, cells, sort=4)


def estimated_calls_table(rows: list[dict[str, Any]]) -> Block:
    """Rows of `syscalls` below the document's `sampled`."""
    columns = [
        Column("call", is_text=True),
        Column("class", is_text=True),
        Column("calls, estimated"),
        Column("95 % interval", is_text=True),
        Column("seen"),
        Column("mean", about="Of the calls seen, as the columns behind it"),
        Column("p50"),
        Column("p99"),
        Column("longest seen"),
    ]
    cells = [
        [
            blocks.name(row["name"]),
            row["class"],
            blocks.number(row["calls"]),
            interval(row),
            blocks.number(row["seen"]),
            *(blocks.time(row[key]) for key in ("mean_ns", "p50_ns", "p99_ns", "max_ns")),
        ]
        for row in rows
    ]
    return blocks.table("", columns, cells, sort=2)


def _threads(name: str, run: Summary, document: Mapping[str, Any]) -> Block | None:
    """Who was on the path with it, from the path's samples."""
    parts, window_ns = set(PARTS.get(name, ())), max(run.window_ns, 1)
    times: dict[str, int] = {}
    for row in (document.get("who") or {}).get("rows", ()):
        ns = sum(one["time_ns"] for one in row["doing"] if one["part"] in parts)
        label = blocks.thread(": ".join(filter(None, (row["process"], row["group"].strip()))))
        times[label] = times.get(label, 0) + ns
    rows = [
        [label, blocks.time(ns), blocks.share(ns / window_ns)] for label, ns in times.items() if ns
    ]
    if not rows:
        return None
    columns = [Column("thread", is_text=True), Column("on the path"), Column("share")]
    return blocks.table("Threads (on the path, sampled)", columns, rows, sort=1)


def _places(name: str, document: Mapping[str, Any]) -> Block | None:
    """Where in the program, from the path's stacks."""
    parts = set(PARTS.get(name, ()))
    found = (document.get("where") or {}).get("places", ())
    rows = [row for row in found if row["part"] in parts]
    return places_table("Places (on the path, sampled)", rows) if rows else None


def places_table(title: str, rows: list[dict[str, Any]], note: str = "") -> Block:
    """Rows of the document's `where.places`."""
    columns = [
        Column("function", is_text=True),
        Column("called", is_text=True),
        Column("file", is_text=True),
        Column("what it did there", is_text=True),
        Column("time"),
        Column("share"),
        blocks.ERROR,
    ]
    cells = [
        [
            blocks.function(row["function"]),
            blocks.function(row["called"]),
            blocks.name(_file(row)),
            _did(row),
            blocks.time(row["time_ns"]),
            blocks.share(row["share"]),
            blocks.error(row["error"]),
        ]
        for row in rows
    ]
    return blocks.table(title, columns, cells, note=note, sort=4)


def _file(row: Mapping[str, Any]) -> str:
    file = (row["file"] or row["module"] or "").rpartition("/")[2]
    return f"{file}:{row['line']}" if row["file"] and row["line"] else file


def _did(row: Mapping[str, Any]) -> str:
    words = PART_LINES[row["part"]]
    return blocks.name(f"{words}: {', '.join(row['calls'])}" if row["calls"] else words)
