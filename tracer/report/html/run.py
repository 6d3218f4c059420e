"""The view of one run: the answer, the ledger, the path, wake-ups, threads, calls, the trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer.analysis.run.saved import summary_of
from tracer.analysis.run.summary import Summary
from tracer.analysis.where.profile import Where
from tracer.model.section import Section, Table, Time
from tracer.report.html import blocks, flame, wakeups
from tracer.report.html.blocks import Block, Column, section
from tracer.report.html.host import host_table
from tracer.report.html.ledger import calls_table, estimated_calls_table, ledger, places_table
from tracer.report.html.threads import groups_table, over_time, threads_table
from tracer.report.run.advice import in_words, try_next, what_if
from tracer.report.run.concurrency import concurrency
from tracer.report.run.head import head, length, partial, path_title
from tracer.report.run.path import remarks
from tracer.report.run.sampled import words
from tracer.report.run.trust import busy, trust, warning
from tracer.units import counted, duration

#: No line is cut on a page.
_WIDE = 100_000

_HEAVY = "Width: time on the critical path. Colour: what the path did there most. "


def view(
    document: Mapping[str, Any],
    where: Where | None = None,
    sections: Sequence[tuple[str, Section]] = (),
    states: Block | None = None,
    path: Sequence[flame.Stack] = (),
) -> dict[str, Any]:
    """Of a document of the schema tracer.run/2, of a live run with its stacks (`where`) and the
    tables of its probes. `states` and `path`: of a recording, threads by state over time, and the
    path in order of time. KeyError, TypeError
    or ValueError for a document that does not follow its schema."""
    run = summary_of(document)
    ran = head(run)
    return {
        "title": ran[0],
        "sections": [
            _answer(run, document, ran[1:]),
            section(
                "ledger",
                "Where the time went",
                ledger(run, document),
                *([blocks.text(*remarks(run), tone="note")] if remarks(run) else []),
                lead=f"{path_title(run)}. Choose a part to see what it is made of.",
                short="Time",
            ),
            _path(document, where, path),
            _wakeups(run, document),
            section(
                "threads",
                "Threads",
                states or over_time(document),
                *(blocks.text(line.strip()) for line in concurrency(run)),
                groups_table(document),
                threads_table(document),
            ),
            _estimated_calls(run.sampled) if run.sampled else _calls(document),
            *(_probe(name, one) for name, one in sections if not one.is_empty),
            section(
                "trust",
                "How it was measured",
                blocks.text(*(line.strip() for line in trust(run))),
                _command(document),
                host_table(document["host"]["fingerprint"]),
                lead="What tracing cost, what was lost, what else ran, and where.",
                short="Trust",
            ),
        ],
    }


def _answer(run: Summary, document: Mapping[str, Any], figures: Sequence[str]) -> dict[str, Any]:
    doubts = [*warning(run), *partial(run), *busy(run)]
    findings = document.get("findings") or ()
    following = "" if findings else try_next(document)
    return section(
        "answer",
        "",
        blocks.text(*doubts, tone="warning") if doubts else None,
        blocks.text(f"{length(run)}. {in_words(run)}", tone="answer"),
        *(
            blocks.finding(number, *(one[key] or "" for key in ("sentence", "evidence", "next")))
            for number, one in enumerate(findings, 1)
        ),
        blocks.text(following, tone="command") if following else None,
        blocks.text(*figures, *what_if(run), tone="note"),
    )


def _path(
    document: Mapping[str, Any], where: Where | None, path: Sequence[flame.Stack]
) -> dict[str, Any]:
    found, who = document.get("where"), document.get("who")
    content: list[Block | None] = []
    lead = "The chain of events that decided when it ended, by where in the program it was."
    if where is not None and where.path:
        stacks = flame.of_pieces(where.path)
        times = flame.self_times(stacks)
        content = [
            flame.flame(
                stacks, note=_HEAVY, in_time=True,
                note_in_time="From the left: the samples of the path in their order, each as wide"
                " as the time it stands for; what no sample is of stands last.",
            ),
            _functions(times, sum(ns for *_, ns in stacks)),
        ]  # fmt: skip
    elif path:
        content = [
            flame.flame(
                path, note=f"{_HEAVY}From the recording's events: threads and what they did.",
                in_time=True,
                note_in_time="From the left: the path of the recording in order of time, what is"
                " alike joined within each 250th of the window.",
            )
        ]  # fmt: skip
    elif found and found["places"]:
        note = f"{_HEAVY}Of a saved report: functions and what they called; whole stacks are kept"
        content = [
            flame.flame(flame.of_places(found["places"]), note=f"{note} only by the run's --html.")
        ]
    elif who and who["rows"]:
        note = f"{_HEAVY}Without stacks: processes and threads; functions need --probe stacks."
        content = [flame.flame(flame.of_who(who["rows"]), note=note)]
        lead = "The chain of events that decided when it ended, by who was on it."
    if found:
        content += [
            places_table("Places", found["places"], note=_samples(found)),
            _edges(found),
            _tasks(found),
        ]
    if who:
        content.append(_who(who))
    if not any(content):
        content = [blocks.text("The path was not sampled in this run.", tone="note")]
    return section("path", "The critical path", *content, lead=lead, short="Path")


def _samples(found: Mapping[str, Any]) -> str:
    lost = f"; {counted(found['lost_points'], 'sample')} lost" if found["lost_points"] else ""
    return f"{counted(found['points'], 'sample')}, one every {duration(found['grid_ns'])}{lost}."


def _functions(times: Sequence[tuple[str, int, int]], total_ns: int) -> Block:
    columns = [
        Column("function", is_text=True),
        Column("own", about="It was the innermost function"),
        Column("own, share"),
        Column("with callees"),
        Column("with callees, share"),
    ]
    whole = max(total_ns, 1)
    rows = [
        [blocks.function(name), blocks.time(own), blocks.share(own / whole),
         blocks.time(total), blocks.share(total / whole)]
        for name, own, total in times
    ]  # fmt: skip
    return blocks.table("Functions", columns, rows, sort=1)


def _edges(found: Mapping[str, Any]) -> Block | None:
    columns = [
        Column("from", is_text=True),
        Column("to", is_text=True),
        Column("times", about="From one sample to the next"),
        Column("direct", about="The one woke the other, with nobody between"),
        Column("then", about="The path's time until the next such time"),
    ]
    rows = [
        [blocks.function(edge["waker"]["function"]), blocks.function(edge["woken"]["function"]),
         blocks.number(edge["times"]), blocks.number(edge["direct"]), blocks.time(edge["time_ns"])]
        for edge in found["edges"]
    ]  # fmt: skip
    title = f"Who handed over to whom ({counted(found['handovers'], 'hand-over')} on the path)"
    return blocks.table(title, columns, rows, sort=4) if rows else None


def _tasks(found: Mapping[str, Any]) -> Block | None:
    """Without those that are file descriptors only: of these a program of threads has many."""
    columns = [
        Column("task, by its first function", is_text=True),
        Column("runtime", is_text=True),
        Column("which", is_text=True, about="Its number, or what the program named it"),
        Column("time"),
        Column("share"),
        Column("samples"),
    ]
    rows = [
        [blocks.function(row["name"]), row["runtime"], _which(row), blocks.time(row["time_ns"]),
         blocks.share(row["share"]), blocks.number(row["samples"])]
        for row in found.get("tasks") or ()
        if row["runtime"] != "fd"
    ]  # fmt: skip
    return blocks.table("Tasks on the path", columns, rows, sort=3) if rows else None


def _which(task: Mapping[str, Any]) -> str:
    return blocks.name(task["label"] if task["number"] is None else str(task["number"]))


def _who(who: Mapping[str, Any]) -> Block | None:
    columns = [
        Column("process", is_text=True),
        Column("threads", is_text=True),
        Column("did most", is_text=True),
        Column("time"),
        Column("share"),
        blocks.ERROR,
    ]
    rows = [
        [
            blocks.name(row["process"]),
            blocks.thread(row["group"]),
            flame.did(row["doing"][0]) if row["doing"] else "",
            blocks.time(row["time_ns"]),
            blocks.share(row["share"]),
            blocks.error(row["error"]),
        ]
        for row in who["rows"]
    ]
    return blocks.table("Who was on the path", columns, rows, sort=3) if rows else None


def _wakeups(run: Summary, document: Mapping[str, Any]) -> dict[str, Any]:
    sched = document["sched"]
    if sched is None:
        missing = blocks.text("Wake-ups were not recorded: --probe sched does.", tone="note")
        return section("wakeups", "Wake-ups and switches", missing)
    switches = run.switches
    line = (
        f"{counted(switches.total, 'context switch', 'context switches')}:"
        f" {switches.voluntary:,} voluntary, {switches.involuntary:,} involuntary;"
        f" {counted(switches.migrations, 'migration')}"
    )
    return section(
        "wakeups",
        "Wake-ups and switches",
        blocks.text(line),
        wakeups.distribution(sched),
        wakeups.figures(sched),
        lead="From the moment a thread is woken until it runs, by the kind of wake-up.",
        short="Wake-ups",
    )


def _calls(document: Mapping[str, Any]) -> dict[str, Any]:
    rows = document["syscalls"]
    if rows is None:
        content = blocks.text("System calls were not told apart in this run.", tone="note")
    elif not rows:
        content = blocks.text("No system call returned inside the window.", tone="note")
    else:
        content = calls_table("", rows)
    return section("calls", "System calls", content, short="Calls")


def _estimated_calls(data: Mapping[str, Any]) -> dict[str, Any]:
    """Of a run with --sample."""
    return section(
        "calls",
        "System calls, estimated",
        blocks.text(*words(data), tone="note"),
        estimated_calls_table(data["syscalls"]) if data["syscalls"] else None,
        short="Calls",
    )


def _probe(name: str, found: Section) -> dict[str, Any]:
    """The tables of one probe, their cells as the text report has them."""
    content = []
    for block in found.blocks:
        if isinstance(block, Table):
            columns = [Column(one, is_text=n < block.left) for n, one in enumerate(block.columns)]
            rows = [[_cell(one) for one in row] for row in block.rows]
            content.append(blocks.table("", columns, rows))
        else:
            content.append(blocks.text(block))
    return section(f"probe-{name}", found.title, *content, short=f"probe {name}")


def _cell(cell: str | Time | None) -> blocks.Cell:
    return blocks.time(cell) if isinstance(cell, Time) else "-" if cell is None else cell


def _command(document: Mapping[str, Any]) -> Block | None:
    line = document.get("command_line")
    if not line:
        return None
    words = [line["start"], *line["options"], line["rest"]]
    return blocks.text(blocks.name(" ".join(filter(None, words))), tone="command")
