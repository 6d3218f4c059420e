"""Who was on the path: processes and groups of threads, and what they did there."""

from __future__ import annotations

from tracer.analysis.run.summary import Summary
from tracer.analysis.where.who import Doing, OnPath
from tracer.model.words import PART_LINES, WAITING_LINES
from tracer.report.layout import cut, shortened, table
from tracer.units import counted, duration, in_points, percent, plain

#: So many rows, and things that each did, are shown; --json has all.
_MOST, _MOST_DOING = 5, 2
#: A smaller share of the window is not worth a line, or a mention.
_LEAST = 0.005
#: The same of a mention in the one line of the first screen.
_LEAST_IN_SHORT = 0.05
#: Columns of a name at most; of what was done at least; of the figures behind that.
_MOST_NAME, _LEAST_DOING, _FIGURES = 36, 20, 17


def who(run: Summary, width: int) -> list[str]:
    """Nothing where the path was not sampled."""
    found = run.who
    if found is None or not found.points:
        return []
    window_ns = max(found.window_ns, 1)
    rows = [row for row in found.rows if row.ns >= _LEAST * window_ns][:_MOST] or found.rows[:1]
    names = [cut(who_name(row), min(_MOST_NAME, max(width // 3, _LEAST_DOING))) for row in rows]
    room = max(width - max(map(len, names)) - _FIGURES, _LEAST_DOING)
    cells = [
        [name, doing_text(row, window_ns, room), percent(row.ns / window_ns), in_points(row.error)]
        for name, row in zip(names, rows, strict=True)
    ]
    lines = [
        f"Who was on the path: {counted(found.points, 'sample')}, one every"
        f" {duration(found.grid_ns)}",
        *table(cells, ["thread", "what it did", "share", "+-"], 2, width),
    ]
    rest = found.rows[len(rows) :]
    if rest:
        share = percent(sum(row.ns for row in rest) / window_ns)
        lines.append(f"and {counted(len(rest), 'more group')} of threads, {share} in all")
    return lines


def who_name(row: OnPath) -> str:
    """`postgres: checkpointer`, and the threads' own name where it is another."""
    times = f"{row.processes} x " if row.processes > 1 and row.role else ""
    role, group = plain(row.role), plain(row.group).strip()
    if not role or role.split(" ")[0].startswith(group):
        return f"{times}{role or group or '(no name)'}"
    return f"{times}{role}: {group}"


def doing_text(row: OnPath, window_ns: int, room: int) -> str:
    """As much of it as there is room for, at least the first."""
    named = [one for one in row.doing if one.ns >= _LEAST * window_ns] or row.doing[:1]
    shares = [_whole(one.ns / window_ns) for one in named[:_MOST_DOING]]
    texts = [f"{_what(one)} {share}" for one, share in zip(named, shares, strict=False)]
    while len(texts) > 1 and len(", ".join(texts)) > room:
        texts.pop()
    text = ", ".join(texts)
    if len(text) <= room:
        return text
    what = _what(named[0]).partition(" (")[0]  # without its call
    return f"{shortened(what, room - len(shares[0]) - 1)} {shares[0]}"


def _what(one: Doing) -> str:
    words = f"waiting {WAITING_LINES[one.awaited]}" if one.awaited else PART_LINES[one.part]
    if one.awaited == "timed_wait":
        words = PART_LINES[one.part]
    return f"{words} ({one.call})" if one.call else words


def _whole(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %"


def in_short(run: Summary) -> list[str]:
    """The first two, each with the one thing that it did most, in one line; nothing where one
    thread alone was on the path."""
    found = run.who
    if found is None or len(found.rows) < 2:
        return []
    window_ns = max(found.window_ns, 1)
    texts = [
        f"{cut(who_name(row), _MOST_NAME)} {_whole(row.ns / window_ns)}"
        f" ({_what(row.doing[0])} {_whole(row.doing[0].ns / window_ns)})"
        for row in found.rows[:2]
        if row.doing and row.ns >= _LEAST_IN_SHORT * window_ns
    ]
    return [f"On the path: {', '.join(texts)}"] if texts else []
