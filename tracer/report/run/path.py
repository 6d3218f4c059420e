"""Where the time went: the wall ledger, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.run.sampled import told
from tracer.analysis.run.summary import Summary
from tracer.model.states import KERNEL_WORKERS, PREEMPTED, WAKEUP_QUEUED, YIELDED
from tracer.model.words import BEHIND_LINES, KERNEL_LINE, LINES, WAITING_LINES
from tracer.report.layout import shortened
from tracer.report.run.advice import waited_in
from tracer.report.run.kernel_time import on_path_ns
from tracer.report.run.sampled import ESTIMATED
from tracer.units import duration, percent, plain

#: How the ledger begins.
HEADING = "Where the time went"
#: What the time of a unit of work is shown in, up to how many ns: a tenth of a us is too coarse for
#: one of 2 us.
_UNITS = (("ns", 1.0, 2e3), ("us", 1e3, 1e6), ("ms", 1e6, 1e9))
_LONGEST = ("s", 1e9)
#: Parts of a wake-up to an idle CPU, in their order.
_IDLE_PARTS = {
    "delivery": "until that CPU had the thread on its queue",
    "leaving_idle": "that CPU leaving its idle state",
    "switch_in": "switching the thread in",
}
#: A thread that slept for less than this share of the window at its end is not worth a line.
_LEAST_ASLEEP = 0.001
#: A line that is no part of another goes as early as those that are, with less of it.
_SMALL = 0.02
#: A line with less of the window is not shown.
LEAST_SHOWN = 0.0005
#: The same of a path's waits in a queue.
_LEAST_BEHIND = 0.001


class Row(str):
    """A line of the ledger, which knows its time, its whole label, indented, and what it is about:
    `key` is the same in every run, whatever its label names."""

    ns: float
    label: str
    key: str


class _Rows:
    """Formats times of the window, per unit of work where units were counted."""

    def __init__(self, run: Summary, width: int) -> None:
        self._run = run
        each_ns = run.per_unit(run.window_ns)
        self._unit, self._divisor = next(
            ((name, divisor) for name, divisor, most_ns in _UNITS if each_ns < most_ns), _LONGEST
        )
        self.label_width = max(min(52, width - 20), 30)

    @property
    def unit(self) -> str:
        """Of the amounts, with a space before it; empty where each amount has its own."""
        if not self._run.units:
            return ""
        return f" {self._unit}"

    def heading(self) -> str:
        per = f"{self.unit.strip()}/{self._run.unit}" if self._run.units else "time"
        thread = self._run.target.path_thread
        whose = f"path of {thread.tid} ({plain(thread.name)})" if thread else "critical path"
        title = shortened(f"{HEADING} ({whose})", self.label_width)
        room = self.label_width + 9 - len(title)
        return f"{title}{per:>{room}}{'share':>10}"

    def amount(self, ns: float) -> str:
        if not self._run.units:
            return duration(ns)
        value = self._run.per_unit(ns) / self._divisor
        if abs(value) >= 99.95:
            return f"{value:.0f}"
        return "<0.1" if 0 < value < 0.05 else f"{value:.1f}"

    def row(self, label: str, ns: float, key: str = "") -> Row:
        share = percent(ns / max(self._run.window_ns, 1))
        shown = label[: self.label_width]
        row = Row(f"{shown:<{self.label_width}}{self.amount(ns):>9}{share:>10}")
        row.ns, row.label, row.key = ns, label, key or label.strip()
        return row

    def line(self, name: str, ns: float, indent: str = "") -> Row:
        """The row of a line of the wall ledger."""
        return self.row(indent + LINES[name], ns)


def path(run: Summary, width: int, most: int = 100) -> list[str]:
    """The wall ledger with its residual, in at most `most` lines: the smallest go first, small
    ones and those that are parts of others before those, and those of next to no time always."""
    rows = _Rows(run, width)
    shown = [row for row in _every(run, rows) if row.ns >= LEAST_SHOWN * run.window_ns]
    small_ns = _SMALL * run.window_ns
    in_order = sorted(
        shown, key=lambda row: (not row.startswith(" ") and row.ns >= small_ns, row.ns)
    )
    left_out = in_order[: max(len(shown) - max(most - 2, 1), 0)]
    return [
        rows.heading(),
        *(row for row in shown if row not in left_out),
        f"accounted {rows.amount(run.wall.total_ns - run.wall.residual_ns)} of"
        f" {rows.amount(run.wall.total_ns)}{rows.unit} (residual {_residual(run.wall)}; all"
        f" threads {_residual(run.threads)}, CPUs {_residual(run.cpu)})",
    ]


def path_rows(run: Summary, width: int) -> list[Row]:
    """All lines of the wall ledger between heading and residual, those of no time too."""
    return _every(run, _Rows(run, width))


def _every(run: Summary, rows: _Rows) -> list[Row]:
    return [*_switching(run, rows), *_on_cpu(run, rows), *_waiting(run, rows)]


def _switching(run: Summary, rows: _Rows) -> list[Row]:
    parts = run.wall.parts
    idle_path = run.idle_path or {}
    lines = [
        rows.row("switching", run.headline.switching * run.window_ns),
        rows.line("wakeup:idle", parts["wakeup:idle"], "  "),
        *(rows.row(f"    {_IDLE_PARTS[name]}", ns) for name, ns in idle_path.items()),
        rows.line("wakeup:queued", parts["wakeup:queued"], "  "),
        rows.line("preempted", parts["preempted"], "  "),
        *([rows.line("yielded", parts["yielded"], "  ")] if parts["yielded"] else []),
        *_behind(run, rows),
    ]
    if run.host.switch_cost_ns is not None:
        lines.append(rows.line("switch", run.headline.switch_cost_ns, "  "))
    return lines


def _behind(run: Summary, rows: _Rows) -> list[Row]:
    """Behind whom the path was ready and waited: nothing where that took next to no time."""
    if sum(run.wall.parts[name] for name in (WAKEUP_QUEUED, PREEMPTED, YIELDED)) < (
        _LEAST_BEHIND * run.window_ns
    ):
        return []
    times = {**run.behind, "not_allowed": run.not_allowed_ns}
    return [
        rows.row(_named(run, who, rows.label_width), ns, BEHIND_LINES[who])
        for who, ns in times.items()
        if ns
    ]


def _named(run: Summary, who: str, room: int) -> str:
    """The label, in `room` characters; for others with the programs that used most CPU time, as
    many as it has room for; for a quota with what it allows."""
    label = f"  {BEHIND_LINES[who]}"
    if who == "throttled" and run.host.quotas:
        longest = max(run.host.quotas, key=lambda quota: quota.throttled_ns)
        return f"{label} of {longest.cpus:.3g} CPUs"
    others = run.others if who == "other" else ()
    names = list(dict.fromkeys(plain(program.name) for program in others))
    for n in range(len(names), 0, -1):
        longer = f"{label}: {', '.join(names[:n])}"
        if len(longer) <= room:
            return longer
    return label


def _waiting(run: Summary, rows: _Rows) -> list[Row]:
    """What the path waited for, where it waited for more than one kind of thing or not for a timer
    alone."""
    times = {**run.awaited, KERNEL_WORKERS: run.wall.parts[KERNEL_WORKERS]}
    return [
        rows.line("waiting", run.headline.waiting * run.window_ns),
        *(
            rows.row(f"  {WAITING_LINES[n]}{waited_in(run, n)}", ns, WAITING_LINES[n])
            for n, ns in times.items()
            if ns
        ),
    ]


def _on_cpu(run: Summary, rows: _Rows) -> list[Row]:
    headline, window_ns = run.headline, run.window_ns
    if headline.io is None or headline.user is None or headline.system is None:
        if run.sampled:
            return _estimated(run, run.sampled, rows)
        text = "on a CPU (not split: run without --light)"
        return [rows.row(text, headline.on_cpu * window_ns)]
    kernel_ns = on_path_ns(run)
    return [
        rows.line("io", headline.io * window_ns),
        rows.line("user", headline.user * window_ns),
        *([rows.row(f"  {KERNEL_LINE}", kernel_ns)] if kernel_ns else []),
        rows.line("system", headline.system * window_ns),
    ]


def _estimated(run: Summary, data: Mapping[str, Any], rows: _Rows) -> list[Row]:
    """Time on a CPU, and how the part of it that --sample saw was split."""
    on_cpu_ns, path = run.headline.on_cpu * run.window_ns, data["path"]
    if path is None:
        return [rows.row(f"on a CPU (nothing seen of it: {told(data)})", on_cpu_ns)]
    seen = percent(path["seen_ns"] / max(path["on_cpu_ns"], 1))
    return [
        rows.row("on a CPU", on_cpu_ns),
        *(
            rows.row(f"  ~ {label}, estimated from {seen}", path[name] * on_cpu_ns, f"~ {label}")
            for name, label in ESTIMATED.items()
        ),
    ]


def remarks(run: Summary) -> list[str]:
    """What the ledger cannot show."""
    lines = []
    if run.host.switch_cost_ns is None and run.switches.total:
        why = (
            "cannot be measured on this kernel (no sched_exit_tp)"
            if run.is_reported
            else "is not known, since the recording was not ended"
        )
        lines.append(f"The direct cost of a switch {why}: it is in the calls.")
    thread = run.target.path_thread
    if thread is not None and thread.asleep_ns > _LEAST_ASLEEP * run.window_ns:
        lines.append(
            f"That thread was asleep for the last {duration(thread.asleep_ns)}; what will wake it"
            " is not known"
        )
    return lines


def _residual(ledger: Ledger) -> str:
    share = ledger.residual_share
    return "<0.1 %" if share < 0.001 else percent(share)
