"""The report of one run for people: at most 100 columns, the answer first."""

from __future__ import annotations

from tracer.analysis.findings import found
from tracer.analysis.run.document import document
from tracer.analysis.run.summary import Summary
from tracer.model.section import Section
from tracer.report.layout import WIDTH, page, table
from tracer.report.run.activity import calls, scheduler
from tracer.report.run.concurrency import concurrency
from tracer.report.run.findings import findings
from tracer.report.run.head import head
from tracer.report.run.path import path
from tracer.report.run.threads import groups, threads
from tracer.report.run.trust import trust, warning
from tracer.report.run.where import where
from tracer.report.run.who import who


def render(run: Summary, width: int = WIDTH, *, by_task: bool = False) -> str:
    """The whole report, at most `width` columns where that can be done, ending in a newline.

    `by_task`: the path by task instead of by place.
    """
    blocks = [
        [*warning(run), *head(run)],
        findings(found(document(run))),
        *_whole_and_path(run, width),
        where(run.where, width, by_task=by_task),
        scheduler(run, width),
        groups(run, width),
        threads(run, width),
        calls(run, width),
        *(_section(section, width) for _name, section in run.sections),
        trust(run),
    ]
    return page(blocks, width)


def _whole_and_path(run: Summary, width: int) -> list[list[str]]:
    """The program as a whole, and the path: first what tells more. Where tracer chose a thread, its
    path is one of many."""
    blocks = [path(run, width), who(run, width)]
    whole = concurrency(run)
    return [whole, *blocks] if run.target.path_thread else [*blocks, whole]


def _section(section: Section, width: int = WIDTH) -> list[str]:
    lines = [section.title]
    for block in section.blocks:
        if isinstance(block, str):
            lines.append(block)
        else:
            lines += table(block.rows, block.columns, block.left, width)
    return lines
