"""What each kind of experiment says of one host, for many hosts beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tracer.analysis.asynchrony import (
    ASYNC,
    MEM_ASYNC,
    MEM_THREADS,
    THREADS,
    AsyncExplanation,
    equal_from,
)
from tracer.analysis.blocks import Blocks
from tracer.analysis.compare import Comparison
from tracer.analysis.fleet import FASTER, NOT_JUDGED, SAME, SLOWER, Effect, effect
from tracer.analysis.pinning.answer import Explanation
from tracer.analysis.pinning.conditions import FREE, PINNED
from tracer.analysis.pinning.recorded import Recorded
from tracer.analysis.pinning.theories import CAUSE, CONTRIBUTES, SEEN_ONCE
from tracer.analysis.why import AS_IT_IS, HELPS, HURTS, SEEN_FASTER, SEEN_SLOWER, Answer
from tracer.model.trial import FAILED, Outcome
from tracer.model.words import LINES, in_prose

#: The measure of `explain pinning`.
GAP = "unpinned / pinned"
#: The measure of `explain async`.
ASYNC_GAP = "hop of threads / of async"
#: A line of the ledger that makes less than this share of a difference is not named.
_NAMED = 0.2


def _blocks(outcomes: Sequence[Outcome]) -> Blocks:
    """Without second untraced runs, what came before the blocks, and runs that failed."""
    return Blocks(
        [o for o in outcomes if not o.trial.twin and o.trial.block >= 0 and FAILED not in o.result]
    )


def ratio_effects(
    name: str, outcomes: Sequence[Outcome], first: str, second: str
) -> dict[str, Effect]:
    """The first condition against the second, block by block, under this name; empty of fewer than
    two blocks that have both."""
    pairs = _blocks(outcomes).paired(first, second)
    found = effect([math.log(a.ns_per_unit) - math.log(b.ns_per_unit) for a, b in pairs])
    return {} if found is None else {name: found}


def time_effects(outcomes: Sequence[Outcome], labels: Sequence[str]) -> dict[str, Effect]:
    """The time of each condition, ns per unit, of those with two blocks at least."""
    blocks = _blocks(outcomes)
    found = {
        label: effect([math.log(one.ns_per_unit) for one in blocks.untraced(label).values()])
        for label in labels
    }
    return {label: one for label, one in found.items() if one is not None}


def comparison_verdict(comparison: Comparison) -> tuple[str, str]:
    """The verdict, and the lines of the ledger that make the difference."""
    if not (comparison.judged and comparison.ratio.is_enough):
        return NOT_JUDGED, ""
    if not comparison.differs:
        return SAME, ""
    said = [
        ", ".join(
            f"{100 * line.share:.0f} % {in_prose(line.name) if line.name in LINES else line.name}"
            for line in [line for line in lines if (line.share or 0) >= _NAMED][:2]
            if line.share is not None
        )
        for lines in (comparison.lines, comparison.functions)
    ]
    why = "; in functions: ".join(said) if said[1] else said[0]
    return SLOWER if comparison.ratio.median > 1 else FASTER, why


def async_effects(outcomes: Sequence[Outcome], labels: Sequence[str]) -> dict[str, Effect]:
    """Threads against async in every way that is among the conditions' labels."""
    pairs = {"": (THREADS, ASYNC), ", no I/O": (MEM_THREADS, MEM_ASYNC)}
    pairs |= {
        more: (label, f"{ASYNC}{more}")
        for label in labels
        if (more := label.removeprefix(THREADS)) != label and f"{ASYNC}{more}" in labels and more
    }
    found: dict[str, Effect] = {}
    for more, (threads, tasks) in pairs.items():
        found |= ratio_effects(f"{ASYNC_GAP}{more}", outcomes, threads, tasks)
    return found


def async_verdict(
    outcomes: Sequence[Outcome], explanation: AsyncExplanation, *, judged: bool
) -> tuple[str, str]:
    """The verdict on a hop of threads against one of async, and from where on it does not
    matter."""
    ratio = _blocks(outcomes).ratio(THREADS, ASYNC)
    if not judged or ratio is None or not ratio.is_enough:
        return NOT_JUDGED, ""
    why = equal_from(explanation.work) or ""
    if not ratio.differs:
        return SAME, why
    return SLOWER if ratio.median > 1 else FASTER, why


def why_effects(outcomes: Sequence[Outcome], changes: Sequence[str]) -> dict[str, Effect]:
    """How many times as fast a command is under each change."""
    found: dict[str, Effect] = {}
    for change in changes:
        found |= ratio_effects(f"{AS_IT_IS} / {change}", outcomes, AS_IT_IS, change)
    return found


def why_said(answer: Answer) -> str:
    """What was found of the changes on one host, without its figures."""
    by_finding: dict[str, list[str]] = {}
    for row in answer.rows[1:]:
        by_finding.setdefault(row.found, []).append(row.label)
    named = (HELPS, HURTS, SEEN_FASTER, SEEN_SLOWER)
    said = [f"{name}: {', '.join(by_finding[name])}" for name in named if name in by_finding]
    return "; ".join(said) or "nothing that was tested is seen to help or to hurt"


def pinning_verdict(recorded: Recorded, explanation: Explanation) -> tuple[str, str]:
    """The verdict on being free to move, and the theories that the evidence of this host
    supports."""
    evidence = recorded.evidence()
    ratio = evidence.ratio
    if not recorded.load.allows_verdict or ratio is None or ratio.blocks < 2:
        return NOT_JUDGED, ""
    if evidence.is_reversed:
        return FASTER, ""
    if not evidence.has_gap:
        return SAME, ""
    named = {
        verdict: [one.theory.name for one in explanation.verdicts if one.verdict == verdict]
        for verdict in (CAUSE, CONTRIBUTES, SEEN_ONCE)
    }
    said = [f"{verdict}: {'; '.join(names)}" for verdict, names in named.items() if names]
    return SLOWER, ". ".join(said) or "no theory is supported here"


def pinning_effects(recorded: Recorded) -> Mapping[str, Effect]:
    """How much slower free to move is than pinned to one CPU."""
    return ratio_effects(GAP, recorded.load.usable(recorded.outcomes), FREE, PINNED)
