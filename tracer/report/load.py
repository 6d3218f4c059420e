"""What a report says first when the host was busy, or when runs are of an earlier start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.quiet import FEWEST_BLOCKS, LIMIT, BlockLoad, Load, Resumed, largest
from tracer.model.trial import HostShare
from tracer.units import counted, percent

_MINUTE_S, _HOUR_S = 60, 3600


def taken(share: HostShare) -> str:
    """`other programs used 43 % of the CPUs, the host took 0.0 % (steal)`."""
    return (
        f"other programs used {percent(share.others)} of the CPUs, the host took"
        f" {percent(share.steal)} (steal)"
    )


def lines(load: Load, noun: str = "block") -> list[str]:
    """The first lines of the report, none where there is nothing to say; `noun` is what the report
    calls a block."""
    said = []
    disturbed = load.disturbed
    if disturbed:
        said.append(_disturbed(load, disturbed, noun))
    elif load.before is not None and load.before.largest > LIMIT:
        said.append(
            f"Busy host before the runs: {taken(load.before)}; during them no {noun} met more than"
            f" {100 * LIMIT:.0f} % of either."
        )
    if load.resumed is not None:
        said.append(f"{resumed(load.resumed)}.")
    old = [one.block for one in load.blocks if one.is_old]
    if old:
        said.append(f"Of another hour than the rest: {_numbers(old, noun)}.")
    return said


def _disturbed(load: Load, disturbed: Sequence[BlockLoad], noun: str) -> str:
    """Which blocks met a busy host, and what that means for the verdicts."""
    where = f"{_numbers([one.block for one in disturbed], noun)} of {len(load.blocks)}"
    if len(disturbed) == len(load.blocks) > 1:
        where = f"all {len(load.blocks)} {noun}s"
    most = f"Busy host: in {where} {taken(largest(disturbed))} at most"
    if load.allows_verdict:
        return f"{most}; no verdict rests on {'it' if len(disturbed) == 1 else 'them'}."
    quiet = len(load.blocks) - len(disturbed)
    were = "none was" if not quiet else f"{quiet} was"
    return (
        f"{most}. So no verdict is given: it needs {FEWEST_BLOCKS} quiet {noun}s, and {were} quiet."
        " `--wait-quiet 60` waits for a quiet host."
    )


def _numbers(blocks: Sequence[int], noun: str) -> str:
    """`blocks 1, 3 and 4`, as the reader counts them."""
    shown = [str(block + 1) for block in blocks]
    if len(shown) == 1:
        return f"{noun} {shown[0]}"
    return f"{noun}s {', '.join(shown[:-1])} and {shown[-1]}"


def resumed(taken_over: Resumed) -> str:
    """`12 of 30 runs are taken from 25 minutes ago`."""
    newest, oldest = _ago(taken_over.newest_s), _ago(taken_over.oldest_s)
    when = oldest if newest == oldest else f"{oldest} to {newest}"
    verb = "is" if taken_over.saved == 1 else "are"
    return f"{taken_over.saved} of {counted(taken_over.runs, 'run')} {verb} taken from {when} ago"


def _ago(seconds: float) -> str:
    if seconds < _MINUTE_S:
        return "less than a minute"
    if seconds < 2 * _HOUR_S:
        return counted(round(seconds / _MINUTE_S), "minute")
    return counted(round(seconds / _HOUR_S), "hour")


def document(load: Load) -> dict[str, Any]:
    """The same as JSON data; blocks from 0, shares of the CPUs' time."""
    return {
        "before": None if load.before is None else asdict(load.before),
        "verdict_allowed": load.allows_verdict,
        "blocks": [
            {
                "block": one.block,
                **asdict(one.share),
                "disturbed": one.is_disturbed,
                "of_another_hour": one.is_old,
            }
            for one in load.blocks
        ],
        "resumed": None if load.resumed is None else asdict(load.resumed),
    }
