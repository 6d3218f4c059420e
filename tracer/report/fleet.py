"""The report on many hosts: the answer, each host, groups of like hosts, the summary over all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.brigades import Contestant
from tracer.analysis.fleet import (
    GROUPED_BY,
    NOT_JUDGED,
    SAME,
    VERDICTS,
    Across,
    FleetAnswer,
    HostAnswer,
)
from tracer.analysis.statistics.intervals import Interval
from tracer.analysis.statistics.wording import duration_text, ratio_text
from tracer.report.layout import WIDTH, page, table
from tracer.units import count, counted, percent, plain

SCHEMA = "tracer.fleet/1"
#: An interval that spans a factor of more than this says nothing.
_TOO_WIDE = 100
#: Of more hosts than this each group shows its extremes alone.
_MOST_HOSTS = 24
_SHOWN_OF_MANY = 3


def _value(answer: FleetAnswer, value: Interval) -> str:
    return ratio_text(value) if answer.is_ratio else duration_text(value)


def _head(answer: FleetAnswer) -> list[str]:
    """The first measure over all hosts, and on which hosts there is a difference."""
    lines = [_over_all(answer, one) for one in _headlines(answer)]
    if not answer.across:
        lines.append("Fewer than two hosts have two blocks: there is no summary over hosts.")
    elif answer.is_ratio and not lines:
        lines.append("Over all hosts nothing is faster or slower, beyond noise.")
    side = answer.measures[0].split(" / ")[0] if answer.measures else ""
    for verdict in VERDICTS:
        named = [host.name for host in answer.hosts if host.verdict == verdict]
        if named:
            lines.append(f"{_said(verdict, plain(side))} {_names(named)}")
    return lines


def _headlines(answer: FleetAnswer) -> Sequence[Across]:
    """The ratios that come first: the one that hosts have a verdict on, else all that are not 1."""
    if not answer.is_ratio:
        return []
    if answer.is_judged:
        return answer.across[:1]
    return [one for one in answer.across if one.mean.low > 1 or one.mean.high < 1]


def _over_all(answer: FleetAnswer, one: Across) -> str:
    says = f"{plain(one.measure)} = {_value(answer, one.mean)} over {counted(one.hosts, 'host')}"
    if not is_told(one.spread.low, one.spread.high):
        return f"{says}; so few hosts and blocks do not tell how much hosts differ"
    return (
        f"{says}; hosts differ by {ratio_text(one.spread)} ({percent(one.share)} of the"
        f" scatter is of the hosts){_next(one)}"
    )


def _said(verdict: str, side: str) -> str:
    if verdict == NOT_JUDGED:
        return "Not judged (a busy host, or too few blocks):"
    return f"{side} is {'as fast, beyond noise,' if verdict == SAME else verdict} on"


def _next(one: Across) -> str:
    low, high = one.next_host.low, one.next_host.high
    return f"; another such host: {low:.2f}x to {high:.2f}x" if is_told(low, high) else ""


def is_told(low: float, high: float) -> bool:
    """Whether an interval is narrow enough to say anything, such as of how much hosts differ."""
    return high <= _TOO_WIDE * low


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(plain(name) for name in names[:_MOST_HOSTS])
    return shown if len(names) <= _MOST_HOSTS else f"{shown} and {len(names) - _MOST_HOSTS} others"


def _why(answer: FleetAnswer) -> list[str]:
    """Why there, hosts with the same reason together."""
    by_reason: dict[str, list[str]] = {}
    for host in answer.hosts:
        if host.why:
            by_reason.setdefault(host.why, []).append(host.name)
    lines = [f"  {_names(names)}: {why}" for why, names in by_reason.items()]
    title = "Why there" if answer.is_judged else "What was found there"
    return [title, *lines] if lines else []


def _hosts(answer: FleetAnswer, width: int) -> list[str]:
    measures = answer.measures[:1] if answer.is_judged else answer.measures
    hosts = _shown(answer.hosts, measures[0] if measures else "")
    rows = [
        [
            plain(host.name),
            f"{host.blocks[0]} of {host.blocks[1]}",
            plain(measure),
            _value(answer, host.effects[measure].interval) if measure in host.effects else "-",
            host.verdict,
            "left out" if host.failure else "",
        ]
        for measure in measures or ["-"]
        for host in hosts
    ]
    columns = ["host", "blocks", "measure", "value", "verdict", "state"]
    lines = table(rows, columns, 1, width) if rows else []
    if len(answer.hosts) > len(hosts):
        lines.append(
            f"(the {len(hosts)} extremes of {len(answer.hosts):,} hosts; --json and --parquet have"
            " all)"
        )
    return ["Hosts (means of blocks, 95 %)", *lines]


def _shown(hosts: Sequence[HostAnswer], measure: str) -> Sequence[HostAnswer]:
    """All hosts, or of many the lowest and highest."""
    if len(hosts) <= _MOST_HOSTS:
        return hosts
    known = sorted(
        (host for host in hosts if measure in host.effects),
        key=lambda host: host.effects[measure].mean,
    )
    return [*known[:_SHOWN_OF_MANY], *known[-_SHOWN_OF_MANY:]]


def _across(answer: FleetAnswer, summaries: Sequence[Across], width: int) -> list[str]:
    rows = [
        [
            plain(one.measure),
            str(one.hosts),
            _value(answer, one.mean),
            ratio_text(one.spread) if told else "not known",
            percent(one.share) if told else "-",
        ]
        for one in summaries
        for told in [is_told(one.spread.low, one.spread.high)]
    ]
    columns = ["measure", "hosts", "common mean, 95 %", "hosts differ by", "of the scatter"]
    return table(rows, columns, 1, width) if rows else []


def _groups(answer: FleetAnswer, width: int) -> list[str]:
    lines: list[str] = []
    for group in answer.groups:
        names = _names([host.name for host in group.hosts])
        alike = ", ".join(
            f"{GROUPED_BY[key]} {value}".strip() for key, value in group.alike.items()
        )
        lines += [f"{counted(len(group.hosts), 'host')} alike: {plain(alike)}", f"  {names}"]
        if len(answer.groups) > 1:
            lines += _across(answer, group.across, width)
    return lines


def _programs(answer: FleetAnswer) -> list[str]:
    """The commands that are another file on another host: not one program is compared then."""
    lines = [
        f"  {plain(name)}: "
        + "; ".join(f"{file} on {_names(hosts)}" for file, hosts in by_file.items())
        for name, by_file in answer.different_programs.items()
    ]
    return ["Warning: a program is not the same file on all hosts", *lines] if lines else []


def _sizes(answer: FleetAnswer, width: int) -> list[str]:
    """Memory of a task, and the most that fit, on each host."""
    rows = [
        [plain(host.name), kind, _bytes(one.user_bytes), _bytes(one.kernel_bytes), _most(one)]
        for host in _shown(answer.hosts, answer.measures[0] if answer.measures else "")
        for kind, one in host.sizes.items()
    ]
    columns = ["host", "kind", "memory per task", "of the kernel", "most tasks"]
    return ["Sizes", *table(rows, columns, 2, width)] if rows else []


def _bytes(value: Interval | None) -> str:
    return "-" if value is None else f"{value.median / 1024:.1f} KiB"


def _most(one: Contestant) -> str:
    return one.why if one.most is None else count(one.most)


def _left_out(hosts: Sequence[HostAnswer]) -> list[str]:
    lines = [f"left out: {plain(host.name)}: {host.failure}" for host in hosts if host.failure]
    return lines + [
        f"{plain(host.name)}: {counted(host.repeated, 'block')} lost with its worker and repeated"
        for host in hosts
        if host.repeated
    ]


def render(answer: FleetAnswer, width: int = WIDTH) -> str:
    """The whole report, ending in a newline."""
    everywhere = _across(answer, answer.across, width)
    blocks = [
        _head(answer),
        _programs(answer),
        _why(answer),
        _hosts(answer, width),
        _groups(answer, width),
        ["Over all hosts (random effects)", *everywhere] if everywhere else [],
        _sizes(answer, width),
        _left_out(answer.hosts),
    ]
    return page(blocks, width)


def document(answer: FleetAnswer) -> dict[str, Any]:
    """The same as JSON data, `tracer.fleet/1`, with the report of each host; ratios, or ns."""
    return {
        "schema": SCHEMA,
        "question": answer.question,
        "answer": [*_head(answer), *_programs(answer)],
        "is_ratio": answer.is_ratio,
        "hosts": [_host(host) for host in answer.hosts],
        "groups": [
            {
                "alike": dict(group.alike),
                "hosts": [host.name for host in group.hosts],
                "across": [asdict(one) for one in group.across],
            }
            for group in answer.groups
        ],
        "across": [asdict(one) for one in answer.across],
    }


def _host(host: HostAnswer) -> dict[str, Any]:
    return {
        "name": host.name,
        "fingerprint": dict(host.fingerprint),
        "blocks": host.blocks[0],
        "blocks_asked": host.blocks[1],
        "verdict": host.verdict or None,
        "why": host.why or None,
        "failure": host.failure or None,
        "repeated": host.repeated,
        "programs": dict(host.programs),
        "effects": {
            name: {
                **asdict(one.interval),
                "log_mean": one.mean,
                "log_variance": one.variance,
                "blocks": one.blocks,
            }
            for name, one in host.effects.items()
        },
        "document": dict(host.document) if host.document is not None else None,
    }
