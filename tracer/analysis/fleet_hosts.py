"""What each kind of experiment says of one host, for many hosts beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tracer.analysis.blocks import Blocks
from tracer.analysis.compare import Comparison
from tracer.analysis.fleet import FASTER, NOT_JUDGED, SAME, SLOWER, Effect, effect
from tracer.analysis.pinning.answer import Explanation
from tracer.analysis.pinning.conditions import FREE, PINNED
from tracer.analysis.pinning.recorded import Recorded
from tracer.analysis.pinning.theories import CAUSE, CONTRIBUTES, SEEN_ONCE
from tracer.model.trial import Outcome
from tracer.model.words import in_prose

#: The measure of `explain pinning`.
GAP = "unpinned / pinned"
#: A line of the ledger that makes less than this share of a difference is not named.
_NAMED = 0.2


def _blocks(outcomes: Sequence[Outcome]) -> Blocks:
    """Without second untraced runs, and without what came before the blocks."""
    return Blocks([one for one in outcomes if not one.trial.twin and one.trial.block >= 0])


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
    lines = [
        f"{100 * line.share:.0f} % {in_prose(line.name)}"
        for line in comparison.lines
        if line.share is not None and line.share >= _NAMED
    ]
    return SLOWER if comparison.ratio.median > 1 else FASTER, ", ".join(lines[:2])


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
