"""The first screen: what ran, the answer, the findings, the ledger, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.findings import found
from tracer.analysis.run.summary import Summary
from tracer.report.layout import fit
from tracer.report.run.advice import in_words, try_next
from tracer.report.run.concurrency import concurrency
from tracer.report.run.findings import findings
from tracer.report.run.head import length, partial, what_ran
from tracer.report.run.next_step import next_step
from tracer.report.run.path import path
from tracer.report.run.trust import busy, warning
from tracer.report.run.who import in_short

#: A terminal's lines, and of these so many for the ledger at least.
LINES, _LEDGER = 24, 9
#: The same of a short report, which has no next command.
SHORT, _SHORT_LEDGER = 11, 5


def screen(run: Summary, document: Mapping[str, Any], width: int, lines: int = LINES) -> list[str]:
    """The first screen, wrapped to `width`, in at most `lines` lines of 80 columns or more.

    What puts the answer in doubt stands before it.
    """
    every = found(document)
    before = [*warning(run, short=lines <= SHORT), what_ran(run, width), *partial(run), *busy(run)]
    top = [piece for line in [*before, _answer(run)] for piece in fit(line, width)]
    if lines <= SHORT:
        room = lines - len(top)
        shown = findings(every, width, max(room - _SHORT_LEDGER, 2))
        return [*top, *shown, *path(run, width, room - len(shown))]
    following = every[0].next if every else try_next(document)
    end = next_step(following, width)
    # of one of many paths the program as a whole tells more
    whole = concurrency(run)[:2] if run.target.path_thread else []
    more = [piece for line in [*whole, *in_short(run)] for piece in fit(line, width)]
    room = lines - len(top) - len(end) - 1
    shown = findings(every, width, max(room - len(more) - _LEDGER, 2))
    if room - len(more) - len(shown) < _LEDGER:
        more = []
    ledger = path(run, width, room - len(more) - len(shown))
    return [*top, *shown, *more, "", *ledger, *end]


def _answer(run: Summary) -> str:
    return f"{length(run)}. {in_words(run)}"
