"""What helps a command: its time under each change against its time as it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analysis.blocks import Blocks
from tracer.analysis.quiet import BUSY
from tracer.analysis.run import reader
from tracer.analysis.statistics.intervals import (
    ENOUGH_BLOCKS,
    Interval,
    Ratio,
    paired_ratio,
)
from tracer.analysis.statistics.wording import ratio_text
from tracer.model.trial import FAILED, Outcome
from tracer.model.words import LINES, in_prose
from tracer.units import counted, duration

AS_IT_IS, BUSY_CPUS = "as it is", "CPUs kept busy"

# what was found of one change
HELPS, HURTS, SAME, UNSURE = "helps", "hurts", "no difference", "cannot tell"
SEEN_FASTER, SEEN_SLOWER, SEEN_SAME = "seen faster", "seen slower", "no difference seen"
NOT_JUDGED = "not judged"

# whether the command runs for a fixed time
FIXED_TIME, PERHAPS, OWN_TIME = "yes", "perhaps", "no"

#: A smaller difference is none that anybody would act on.
_WORTH = math.log(1.03)
#: An interval within this range shows that there is no difference worth naming.
_SAME = math.log(1.10)
_P = 0.05
#: Wall times within this share of each other are the same time.
_SAME_TIME = 0.02
#: The work differs when CPU time or voluntary switches do by more than this.
_OTHER_WORK = math.log(1.10)
#: Fewer switches, or less of the time on a CPU, say nothing of the work.
_FEWEST_SWITCHES, _LEAST_CPU = 100, 0.05
#: Nobody is asked for more blocks.
_MOST_BLOCKS = 200
#: A line of the ledger with less is not named in the answer.
_NAMED = 0.1
_WAITS = 0.9


@dataclass(frozen=True)
class Knob:
    """A change; `how` is what to type to have it, empty where it is only a test."""

    label: str
    how: str


@dataclass(frozen=True)
class Row:
    """One condition: ns per unit; how many times as fast as the command as it is (None for that
    itself); medians per run of CPU time and switches; what was found."""

    label: str
    how: str
    ns: Interval
    gain: Ratio | None
    cpu_ns: float
    switches: float
    found: str


@dataclass(frozen=True)
class Answer:
    """Everything that `tracer explain why` reports.

    `sentences` are the answer; `rows` begin with the command as it is; `lines` are the wall ledger
    of the traced run, ns per unit; `fixed_time` tells whether the command runs for a fixed time.
    """

    sentences: Sequence[str]
    rows: Sequence[Row]
    blocks: int
    noise: Ratio | None
    fixed_time: str
    lines: Mapping[str, float]
    missing: Mapping[str, str]


def explain(
    outcomes: Sequence[Outcome],
    knobs: Sequence[Knob],
    missing: Mapping[str, str],
    unit: str,
    *,
    judged: bool = True,
) -> Answer:
    """All of it. `unit` is `run` where the work was not counted. Where it is not to be `judged`,
    since the host was busy, the figures are there without any verdict."""
    failed = {o.trial.condition: str(o.result[FAILED]) for o in outcomes if FAILED in o.result}
    usable = [o for o in outcomes if o.trial.condition not in failed]
    blocks = Blocks([o for o in usable if not o.trial.twin])
    noise = _noise(usable, blocks)
    knobs = [knob for knob in knobs if blocks.ratio(AS_IT_IS, knob.label) is not None]
    fixed = fixed_time(blocks, [knob.label for knob in knobs]) if unit == "run" else OWN_TIME
    is_judged = judged and fixed != FIXED_TIME
    rows = []
    if blocks.untraced(AS_IT_IS):
        rows.append(_row(blocks, Knob(AS_IT_IS, "COMMAND"), None, ""))
    for knob in knobs:
        gain = blocks.ratio(AS_IT_IS, knob.label)
        assert gain is not None  # only those that have one are left
        found = verdict(gain, noise, len(knobs)) if is_judged else NOT_JUDGED
        rows.append(_row(blocks, knob, gain, found))
    document = next(iter(blocks.documents(AS_IT_IS)), None)
    lines = {} if document is None else reader.wall_lines(document)
    fewest, missing = blocks.fewest, {**missing, **failed}
    sentences = _sentences(rows, lines, fixed, fewest, missing, judged=judged)
    return Answer(sentences, rows, fewest, noise, fixed, lines, missing)


def _noise(outcomes: Sequence[Outcome], blocks: Blocks) -> Ratio | None:
    """The command against itself, of each block that has it twice."""
    twins = {o.trial.block: o.ns_per_unit for o in outcomes if o.trial.twin}
    own = blocks.untraced(AS_IT_IS)
    both = sorted(twins.keys() & own.keys())
    if not both:
        return None
    return paired_ratio([own[n].ns_per_unit for n in both], [twins[n] for n in both])


def _row(blocks: Blocks, knob: Knob, gain: Ratio | None, found: str) -> Row:
    outcomes = list(blocks.untraced(knob.label).values())
    ns = blocks.interval(knob.label)
    assert ns is not None  # it has a run, or it would not be shown
    return Row(
        knob.label,
        knob.how,
        ns,
        gain,
        float(np.median([_cpu_ns(outcome) for outcome in outcomes])),
        float(np.median([_voluntary(o) + o.result["rusage"]["involuntary"] for o in outcomes])),
        found,
    )


def _cpu_ns(outcome: Outcome) -> float:
    usage = outcome.result["rusage"]
    return float(usage["user_ns"] + usage["system_ns"])


def _voluntary(outcome: Outcome) -> float:
    return float(outcome.result["rusage"]["voluntary"])


def verdict(gain: Ratio, noise: Ratio | None, tests: int) -> str:
    """What a change does, one of `tests`, from how many times as fast it is.

    A claim needs enough blocks, an interval without 1, more than the command against itself shows,
    and a p-value that holds for all tests together (Bonferroni). From fewer blocks it is only what
    was seen.
    """
    size = abs(math.log(gain.median))
    reach = 0.0
    if noise is not None:
        reach = max(abs(math.log(noise.low)), abs(math.log(noise.high)))
    is_within = max(abs(math.log(gain.low)), abs(math.log(gain.high))) <= _SAME
    if gain.differs and size >= _WORTH and size > reach:
        faster = gain.median > 1
        if not gain.is_enough:
            return SEEN_FASTER if faster else SEEN_SLOWER
        if gain.p * tests < _P:
            return HELPS if faster else HURTS
    if is_within:
        return SAME if gain.is_enough else SEEN_SAME
    return UNSURE


# ---- a command that runs for a fixed time ----


def fixed_time(blocks: Blocks, labels: Sequence[str]) -> str:
    """Whether the command takes the same time whatever it does in it, as a load generator does.

    It does where all medians are within 2 % although the work differs; where the work is the same
    too, nothing can be told from the runs. A command that hardly uses a CPU waits, and no more.
    """
    medians = [ns.median for label in (AS_IT_IS, *labels) if (ns := blocks.interval(label))]
    if len(medians) < 2 or max(medians) > min(medians) * (1 + _SAME_TIME):
        return OWN_TIME
    base = list(blocks.untraced(AS_IT_IS).values())
    cpu_ns = float(np.median([_cpu_ns(outcome) for outcome in base]))
    if cpu_ns < _LEAST_CPU * medians[0]:
        return OWN_TIME
    return FIXED_TIME if any(_has_other_work(blocks, label) for label in labels) else PERHAPS


def _has_other_work(blocks: Blocks, label: str) -> bool:
    """Whether CPU time or voluntary switches differ from the command's as it is. Involuntary ones
    differ where the work is the same."""
    pairs = blocks.paired(AS_IT_IS, label)
    for of, least in ((_cpu_ns, 1.0), (_voluntary, _FEWEST_SWITCHES)):
        a, b = ([of(outcome) for outcome in side] for side in zip(*pairs, strict=True))
        if min(*a, *b) < least:
            continue
        ratio = paired_ratio(a, b)
        if ratio.differs and abs(math.log(ratio.median)) > _OTHER_WORK:
            return True
    return False


# ---- the answer in sentences ----


def _sentences(
    rows: Sequence[Row],
    lines: Mapping[str, float],
    fixed: str,
    blocks: int,
    missing: Mapping[str, str],
    *,
    judged: bool,
) -> list[str]:
    if len(rows) < 2:
        found = ["Broken off before a block had the command as it is and under a change."]
    elif not judged:
        found = [f"No verdict: {BUSY}."]
    elif fixed == FIXED_TIME:
        found = _of_fixed_time(rows)
    else:
        found = _found(rows, blocks)
        if fixed == PERHAPS:
            found.append(
                "If it does as much as it can in a fixed time, its wall time cannot tell what"
                " helps: --unit-from takes its own count from its standard output."
            )
    return [*found, *_where(lines), *_not_tested(missing)]


def _of_fixed_time(rows: Sequence[Row]) -> list[str]:
    base = rows[0]
    other = max(
        rows[1:], key=lambda row: abs(math.log(max(row.switches, 1) / max(base.switches, 1)))
    )
    times = [row.ns.median for row in rows]
    spread = 100 * (max(times) / min(times) - 1)
    return [
        f"It runs for a fixed time: {duration(base.ns.median)} under every change, within"
        f" {spread:.1f} %, while its work differs ({base.switches:,.0f} switches as it is,"
        f" {other.switches:,.0f} with {other.label}). So its wall time cannot tell what helps.",
        "Let it be judged by its own count, from its standard output:"
        " --unit-from 'REGEX', such as --unit-from 'requests: ([0-9,]+)'.",
    ]


def _found(rows: Sequence[Row], blocks: int) -> list[str]:
    by: dict[str, list[Row]] = {}
    for row in rows[1:]:
        by.setdefault(row.found, []).append(row)
    few = f"Seen in {counted(blocks, 'block')}, too few for a claim ({ENOUGH_BLOCKS} allow one)"
    sentences = []
    if HELPS in by:
        sentences.append(f"What helps: {_gains(by[HELPS])}.")
    elif SEEN_FASTER in by:
        sentences.append(f"{few}, faster: {_gains(by[SEEN_FASTER])}.")
    elif blocks >= ENOUGH_BLOCKS:
        sentences.append("Nothing that was tested is seen to help.")
    else:
        sentences.append(f"Nothing is faster in {counted(blocks, 'block')}, too few for a claim.")
    for found, start in ((HURTS, "What hurts"), (SEEN_SLOWER, "Seen slower")):
        if found in by:
            sentences.append(f"{start}: {_losses(by[found])}.")
    for found, start in ((SAME, "No difference"), (SEEN_SAME, "No difference seen")):
        if found in by:
            names = _listed([row.label for row in by[found]])
            sentences.append(f"{start} of more than {_reach(by[found])} %: {names}.")
    if UNSURE in by:
        sentences.append(_unsure(by[UNSURE], blocks))
    return sentences


def _gains(rows: Sequence[Row]) -> str:
    """The largest first: `one CPU, 1.85x [1.7, 2.0] as fast (taskset -c 1 COMMAND)`."""
    ordered = sorted(rows, key=lambda row: -(row.gain.median if row.gain else 0))
    return "; ".join(
        f"{row.label}, {ratio_text(row.gain)} as fast ({row.how or 'a test, not a setting'})"
        for row in ordered
        if row.gain
    )


def _losses(rows: Sequence[Row]) -> str:
    ordered = sorted(rows, key=lambda row: row.gain.median if row.gain else 0)
    return "; ".join(
        f"{row.label}, which takes {ratio_text(_inverse(row.gain))} as long"
        for row in ordered
        if row.gain
    )


def _inverse(ratio: Ratio) -> Interval:
    return Interval(1 / ratio.median, 1 / ratio.high, 1 / ratio.low)


def _reach(rows: Sequence[Row]) -> int:
    """The largest difference that the intervals allow, in %."""
    ends = [abs(math.log(end)) for row in rows if row.gain for end in (row.gain.low, row.gain.high)]
    return max(math.ceil(100 * math.expm1(max(ends))), 1)


def _unsure(rows: Sequence[Row], blocks: int) -> str:
    parts = [f"{row.label} ({ratio_text(row.gain)} as fast)" for row in rows if row.gain]
    needed = max(row.gain.blocks_needed() for row in rows if row.gain)
    more = max(needed, 2 * blocks, ENOUGH_BLOCKS)
    way = f"--rounds {more} may" if more <= _MOST_BLOCKS else "its runs differ too much"
    return f"Cannot tell of {_listed(parts)}: {way}."


def _where(lines: Mapping[str, float]) -> list[str]:
    """What the time of the traced run was, by the lines of the wall ledger."""
    total = sum(lines.values())
    if total <= 0:
        return []
    parts = sorted(((ns / total, name) for name, ns in lines.items()), reverse=True)
    named = [(share, name) for share, name in parts if share >= _NAMED] or parts[:1]
    text = _listed([f"{100 * share:.0f} % {_short(name)}" for share, name in named])
    if lines.get("waiting", 0.0) >= _WAITS * total:
        return [f"The time is {text}: no setting of CPUs or workers changes that."]
    return [f"The time, traced as it is: {text}."]


def _short(name: str) -> str:
    return in_prose(name) if name in LINES else name


def _not_tested(missing: Mapping[str, str]) -> list[str]:
    if not missing:
        return []
    reasons = "; ".join(f"{name} ({why})" for name, why in missing.items())
    return [f"Not tested: {reasons}."]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
