"""The report of hops: kinds, what the median and the 99th percentile are made of, one hop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.events.anatomy import (
    ASLEEP_LONG,
    ASLEEP_SHORT,
    PERCENTILES,
    Anatomy,
    Group,
    Waterfall,
)
from tracer.analysis.events.one_hop import Moment, OneHop
from tracer.model import syscalls
from tracer.report.layout import WIDTH, fit, page, shortened, table
from tracer.units import count, counted, duration, microseconds, percent

SCHEMA = "tracer.hops/1"
_LIMIT = "{limit}"
KIND_LINES = {
    "all": "all",
    "same_cpu": "on its waker's CPU",
    "waker_pushed_off": "on its waker's CPU, pushing it off",
    "cross_cpu_asleep": "crossed to a CPU that slept",
    ASLEEP_SHORT: f"crossed, CPU asleep less than {_LIMIT}",
    ASLEEP_LONG: f"crossed, CPU asleep {_LIMIT} or more",
    "cross_cpu_polling": "crossed, CPU idle, not asleep",
    "cross_cpu_busy": "crossed, CPU busy",
    "not_asleep": "woken before it slept",
    "found": "data was there already",
    "one_thread": "within one thread",
}
PART_LINES = {
    "call": "in its call, until it wakes the next",
    "call_off_cpu": "off the CPU meanwhile",
    "send_interrupt": "choosing a CPU, sending the interrupt",
    "leave_sleep": "until the CPU has left its sleep",
    "switch_in": "until it switches the thread in",
    "behind_waker": "behind the waker, on its CPU",
    "queue": "in the queue of the CPU",
    "return": "woken: until its call returns",
    "off_again": "pushed off the CPU again",
    "not_seen": "a switch that was not seen",
    "send": "sending",
    "runtime": "the program, its runtime",
    "again": "receives that found nothing (EAGAIN)",
    "poll": "epoll_wait and its kind",
    "receive": "receiving",
    "other_calls": "other calls",
    "off_cpu": "off the CPU",
}
_BAR = 13
_SHOWN_NS = 5  # what rounds to 0.00 us is left out
_LABEL = 40
_WITH_BARS = 95


def kind_line(kind: str, limit_ns: int | None) -> str:
    return KIND_LINES[kind].replace(_LIMIT, duration(limit_ns))


def render(found: Anatomy, name: str, machine: str, width: int = WIDTH) -> str:
    """The whole report."""
    blocks = [_headline(found, name), _kinds(found, width)]
    shown = [group for group in found.groups if group.is_seen] or [found.every]
    blocks += [_anatomy(group, found.limit_ns, width) for group in shown]
    hidden = sum(not group.is_seen for group in found.groups)
    if hidden and shown != [found.every]:
        blocks.append(
            [f"{counted(hidden, 'kind')} of fewer than 100 hops or 1 % not taken apart: --json"]
        )
    blocks.append(_calls(found, machine, width))
    return page(blocks, width)


def _headline(found: Anatomy, name: str) -> list[str]:
    every = found.every
    lines = [
        f"{name}: {counted(every.count, 'hop')} in {duration(found.window_ns)}, p50"
        f" {duration(every.percentiles_ns[50])}, p99 {duration(every.percentiles_ns[99])}, longest"
        f" {duration(every.max_ns)}",
        "A hop: from the entry of the call that wakes a thread to the return of the woken thread's"
        " call",
    ]
    if found.other_wakeups:
        lines.append(
            f"{counted(found.other_wakeups, 'other wake-up')} ended a sleep and"
            f" {'is no hop' if found.other_wakeups == 1 else 'are no hops'}: by an interrupt,"
            " another program, or a call that had not returned"
        )
    return lines


def _kinds(found: Anatomy, width: int) -> list[str]:
    groups = [*found.groups, found.every]
    rows = [
        [
            kind_line(group.kind, found.limit_ns),
            count(group.count),
            percent(group.share),
            percent(group.time_share),
            microseconds(group.mean_ns),
            *(microseconds(group.percentiles_ns[percentile]) for percentile in PERCENTILES),
            microseconds(group.max_ns),
        ]
        for group in groups
    ]
    heads = ["hops", "count", "share", "of hop time", "mean us", "p50 us", "p99 us", "max us"]
    return table(rows, heads, 1, width)


def _anatomy(group: Group, limit_ns: int | None, width: int) -> list[str]:
    """The parts at both percentiles, each as a bar that begins where the one before it ends."""
    columns = [_column(waterfall, width >= _WITH_BARS) for waterfall in group.waterfalls]
    parts = [part for part in PART_LINES if group.mean_parts.get(part, 0.0) >= _SHOWN_NS]
    heads = [f"p{waterfall.percentile} us" for waterfall in group.waterfalls]
    heads.append("mean us")
    shown = [_line(kind_line(group.kind, limit_ns), [(head, "") for head in heads], width)]
    for part in parts:
        mean = microseconds(group.mean_parts.get(part, 0.0))
        cells = [*(column[part] for column in columns), (mean, "")]
        shown.append(_line(f"  {PART_LINES[part]}", cells, width))
    totals = [(microseconds(waterfall.total_ns), "") for waterfall in group.waterfalls]
    totals.append((microseconds(group.mean_ns), ""))
    near = " and ".join(str(waterfall.hops) for waterfall in group.waterfalls)
    return [*shown, _line(f"  sum ({near} hops near, all)", totals, width)]


def _line(label: str, cells: Sequence[tuple[str, str]], width: int) -> str:
    room = min(_LABEL, max(width - 20, 16))
    bars = width >= _WITH_BARS
    text = f"{shortened(label, room):<{room}}"
    for time, bar in cells:
        text += f" {time:>8}" + (f"  {bar:<{_BAR}}" if bars else "")
    return text.rstrip()


def _column(waterfall: Waterfall, bars: bool) -> dict[str, tuple[str, str]]:
    cells = dict.fromkeys(PART_LINES, ("0", ""))
    passed = 0.0
    for part, ns in waterfall.parts.items():
        begin, end = (round(_BAR * at / max(waterfall.total_ns, 1)) for at in (passed, passed + ns))
        passed += ns
        bar = " " * min(begin, _BAR - 1) + ("#" * (end - begin) or "|")
        cells[part] = (microseconds(ns), bar if bars else "")
    return cells


def _calls(found: Anatomy, machine: str, width: int) -> list[str]:
    rows = [
        [
            f"{syscalls.name_of(pair.waker_nr, machine)} ->"
            f" {syscalls.name_of(pair.woken_nr, machine)}",
            count(pair.count),
            microseconds(pair.p50_ns),
        ]
        for pair in found.calls
    ]
    return table(rows, ["from call to call", "count", "p50 us"], 1, width)


def document(
    found: Anatomy, meta: dict[str, Any], machine: str, one: OneHop | None = None
) -> dict[str, Any]:
    """The same as JSON data, `tracer.hops/1`; times in ns."""
    return {
        "schema": SCHEMA,
        "command": meta.get("command"),
        "host": meta.get("host"),
        "window_ns": found.window_ns,
        "other_wakeups": found.other_wakeups,
        "asleep_limit_ns": found.limit_ns,
        "all": _group(found.every),
        "kinds": [_group(group) for group in found.groups],
        "calls": [
            {
                "from": syscalls.name_of(pair.waker_nr, machine),
                "to": syscalls.name_of(pair.woken_nr, machine),
                "count": pair.count,
                "p50_ns": pair.p50_ns,
            }
            for pair in found.calls
        ],
        "hop": None if one is None else _one(one),
    }


def _group(group: Group) -> dict[str, Any]:
    data = asdict(group)
    percentiles = data.pop("percentiles_ns")
    return {
        **data,
        **{f"p{percentile}_ns": ns for percentile, ns in percentiles.items()},
        "seen": group.is_seen,
    }


# ---- one hop ----


def render_one(one: OneHop, limit_ns: int | None, width: int = WIDTH) -> str:
    """One hop, event by event."""
    times = f"{duration(one.total_ns)}, begins {duration(one.offset_ns)} after the window opens"
    head = [
        f"hop {one.number} of {count(one.of)} by length, {kind_line(one.kind, limit_ns)}: {times}",
        *fit(f"from {one.waker} to {one.woken}", width),
    ]
    parts = [
        f"  {PART_LINES[part]:<{_LABEL}} {microseconds(ns):>8}" for part, ns in one.parts.items()
    ]
    parts.append(f"  {'sum':<{_LABEL}} {microseconds(one.total_ns):>8}")
    rows = [[microseconds(m.at_ns), str(m.cpu), m.who, m.text] for m in one.moments]
    lines = table(rows, ["us", "CPU", "thread", "event"], 4, width)
    if one.left_out:
        lines.append(f"({counted(one.left_out, 'event')} in the middle not shown)")
    return page([head, ["us", *parts], lines], width)


def _one(one: OneHop) -> dict[str, Any]:
    return {**asdict(one), "moments": [_moment(moment) for moment in one.moments]}


def _moment(moment: Moment) -> dict[str, Any]:
    return {"at_ns": moment.at_ns, "cpu": moment.cpu, "thread": moment.who, "event": moment.text}
