"""How far the numbers of a run can be trusted: open ledgers, losses, observer effect, noise."""

from __future__ import annotations

import re

from tracer.analysis.run.estimate import Estimate
from tracer.analysis.run.observer import Observer
from tracer.analysis.run.summary import Summary
from tracer.model.words import NOT_REPORTED
from tracer.units import count, counted, duration, percent, plain, rate

_IN_BRACKETS = re.compile(r" \([^)]*\)")
#: Above this share of all CPUs' time, other tasks or steal hide small differences.
_SOME_NOISE = 0.05
#: So many programs outside the target are named.
_NAMED = 3
#: From these shares on, of all CPUs' time and of the path's, they put the answer in doubt.
_BUSY, _LEAST_BEHIND = 0.1, 0.01
#: Above this share, steal makes the times themselves wrong.
_MUCH_STEAL = 0.1
#: A smaller effect is not told apart.
_LEAST_SHOWN = 0.001
#: More processes than these that outlive the command are left to the JSON report.
_MOST_SURVIVORS = 8
_NO_LOSSES = "Losses  none"
_NOT_REPORTED = (
    "Not known, since the recording was not ended: what tracing cost, which events were lost, what"
    " else the CPUs and the host did"
)


def warning(run: Summary, *, short: bool = False) -> list[str]:
    """The first line of a report that is not to be trusted, with every reason, and what is known of
    its cause unless it is to be `short`; else nothing."""
    if not run.doubts:
        return []
    text = "; ".join(run.doubts)
    return [f"NOT TO BE TRUSTED: {_IN_BRACKETS.sub('', text) if short else text}"]


def busy(run: Summary) -> list[str]:
    """One line where what else ran on the host puts the times in doubt; else nothing."""
    behind_ns = run.behind["other"]
    is_behind = run.others_share > _BUSY and behind_ns > _LEAST_BEHIND * run.window_ns
    found = []
    if is_behind:
        found.append(
            f"other programs used {percent(run.others_share)} of the CPUs, and the path waited"
            f" {duration(behind_ns)} behind them"
        )
    if run.steal_share > _BUSY:
        found.append(f"the host took {percent(run.steal_share)} of the CPUs' time (steal)")
    return [f"Busy host: {'; '.join(found)}"] if found else []


def trust(run: Summary) -> list[str]:
    """What tracing cost, what was lost, what else ran, what was inferred."""
    if not run.is_reported:
        return [_NOT_REPORTED, *_inferred(run)]
    return [
        *_observer(run),
        _losses(run),
        *_noise(run),
        *_quotas(run),
        *_inferred(run),
        *_survivors(run),
        *_unavailable(run),
    ]


def observer_lines(observer: Observer, unit: str) -> list[str]:
    """What the pairs say: the slowdown with its interval, and whether it is inside the noise."""
    kind = "95 % interval" if observer.is_interval else "minimum to maximum"
    verdict = ": no difference seen" if observer.in_noise else ""
    return [
        f"Observer effect  {observer.slowdown:.2f}x [{observer.low:.2f}, {observer.high:.2f}],"
        f" {kind} of {counted(observer.pairs, 'pair')}{verdict}",
        f"  median {duration(observer.baseline_ns_per_unit)} per {unit} untraced,"
        f" {duration(observer.traced_ns_per_unit)} traced; switches per {unit}"
        f" {rate(observer.untraced_switches)} untraced, {rate(observer.traced_switches)} traced",
    ]


def _observer(run: Summary) -> list[str]:
    if run.observer is not None:
        return observer_lines(run.observer, run.unit)
    if run.estimate is not None:
        return [_estimate(run.estimate, can_measure=run.target.kind == "command")]
    why = "no pair was complete" if run.interrupted else "--no-baseline"
    return [f"Observer effect  not measured ({why})"]


def _estimate(estimate: Estimate, can_measure: bool) -> str:
    if not estimate.is_known:
        return (
            "Observer effect  not estimated: the target was on CPUs for"
            f" {duration(estimate.on_cpu_ns)}, which cannot be told from the cost of tracing"
        )
    how = (
        f"timed in {counted(estimate.samples, 'sample')} of the run"
        if estimate.samples
        else "calibrated on this host"
    )
    advice = "; --baseline measures it" if can_measure else ""
    return (
        f"Observer effect  {_range(estimate)} more CPU time than untraced, an estimate:"
        f" {counted(estimate.events, 'event')} of"
        f" ~{duration(max(round(estimate.event_cost_ns), 1))} each, {how}{advice}"
    )


def _range(estimate: Estimate) -> str:
    if estimate.high < _LEAST_SHOWN:
        return f"<{percent(_LEAST_SHOWN)}"
    if estimate.low < _LEAST_SHOWN:
        return f"up to ~{percent(estimate.high)}"
    low, high = percent(estimate.low), percent(estimate.high)
    return f"~{high}" if low == high else f"~{low.removesuffix(' %')} to {high}"


def _losses(run: Summary) -> str:
    kinds = [f"{count(n)} {kind.replace('_', ' ')}" for kind, n in run.losses.items() if n]
    return f"Losses  {', '.join(kinds)}: the numbers above are too small" if kinds else _NO_LOSSES


def _noise(run: Summary) -> list[str]:
    others, steal = run.others_share, run.steal_share
    line = (
        f"Meanwhile  other tasks used {percent(others)} of the CPUs{_named(run)}, the host took"
        f" {percent(steal)} (steal)"
    )
    if steal > _MUCH_STEAL:
        return [
            line,
            "Warning: steal counts as time on a CPU in all of the above, which is too long by about"
            " as much; repeat this on a quieter machine",
        ]
    if max(others, steal) > _SOME_NOISE:
        return [f"{line}; do not trust fine differences"]
    return [line]


def _quotas(run: Summary) -> list[str]:
    return [
        f"Held back by a quota of {quota.cpus:g} CPUs, of the control group"
        f" {plain(quota.group.name)}: {duration(quota.throttled_ns)} over all CPUs, in"
        f" {count(quota.throttled_periods)} of {counted(quota.periods, 'period')}"
        for quota in run.host.quotas
    ]


def _inferred(run: Summary) -> list[str]:
    inferred = [
        counted(n, *nouns)
        for kind, nouns in NOT_REPORTED.items()
        if (n := run.repairs.get(kind))  # an older report lacks some
    ]
    if not inferred:
        return []
    misplaced = f" (up to {duration(run.inferred_ns)} misplaced)" if run.inferred_ns else ""
    return [f"Without a kernel event, inferred from the next one: {', '.join(inferred)}{misplaced}"]


def _named(run: Summary) -> str:
    """The largest other programs, where together they used much."""
    if run.others_share <= _SOME_NOISE or not run.others:
        return ""
    names = [f"{plain(p.name)} ({p.pid}) {duration(p.ns)}" for p in run.others[:_NAMED]]
    return f" (most: {', '.join(names)})"


def _survivors(run: Summary) -> list[str]:
    processes = [
        f"{p.pid} ({plain(p.name)}{', a session of its own' if p.has_own_session else ''})"
        for p in run.target.survivors[:_MOST_SURVIVORS]
    ]
    if not processes:
        return []
    rest = len(run.target.survivors) - len(processes)
    more = f" and {count(rest)} more (--json has them)" if rest else ""
    return [
        "Still running after the command's end, and not in this report from then on:"
        f" {', '.join(processes)}{more}"
    ]


def _unavailable(run: Summary) -> list[str]:
    missing = run.host.unavailable
    return [f"Not on this kernel: {', '.join(missing)}"] if missing else []
