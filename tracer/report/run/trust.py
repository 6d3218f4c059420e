"""How far the numbers of a run can be trusted: observer effect, losses, noise, open ledgers."""

from __future__ import annotations

from tracer.analysis.run.observer import Estimate, Observer
from tracer.analysis.run.summary import Summary
from tracer.units import count, counted, duration, percent, plain, rate

#: Above this share of all CPUs' time, other tasks or steal hide small differences.
_SOME_NOISE = 0.05
#: Above this share, steal makes the times themselves wrong.
_MUCH_STEAL = 0.1
_NO_LOSSES = "Losses  none"


def trust(run: Summary) -> list[str]:
    """What tracing cost, what was lost, what else ran, and every reason for doubt."""
    return [
        *_observer(run),
        _losses(run),
        *_noise(run),
        *_window(run),
        *_open_ledgers(run),
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
    share = f"~{percent(estimate.share)}" if estimate.share >= 0.001 else "<0.1 %"
    advice = "; --baseline measures it" if can_measure else ""
    return (
        f"Observer effect  {share} of the target's time on CPUs, an estimate:"
        f" {counted(estimate.events, 'event')} of {duration(round(estimate.event_cost_ns))} each on"
        f" this host{advice}"
    )


def _losses(run: Summary) -> str:
    kinds = [f"{count(n)} {kind.replace('_', ' ')}" for kind, n in run.losses.items() if n]
    return f"Losses  {', '.join(kinds)}: the numbers above are too small" if kinds else _NO_LOSSES


def _noise(run: Summary) -> list[str]:
    others, steal = run.others_share, run.steal_share
    line = (
        f"Meanwhile  other tasks used {percent(others)} of the CPUs, the host took"
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


def _window(run: Summary) -> list[str]:
    lines = []
    if run.closed_late:
        lines.append(
            "Warning: the end of the window was not seen in the kernel; the times may run past it"
        )
    unseen = run.repairs["switch_not_seen"]
    if unseen:
        lines.append(
            f"{counted(unseen, 'context switch', 'context switches')} without a kernel event,"
            " inferred from the next event on that CPU"
        )
    return lines


def _open_ledgers(run: Summary) -> list[str]:
    ledgers = {"the path": run.wall, "threads": run.threads, "CPUs": run.cpu}
    return [
        f"Warning: the ledger of {label} is open: its residual is"
        f" {percent(abs(ledger.residual_ns) / max(ledger.total_ns, 1))}"
        for label, ledger in ledgers.items()
        if not ledger.is_closed
    ]


def _survivors(run: Summary) -> list[str]:
    processes = [
        f"{p.pid} ({plain(p.name)}{', a session of its own' if p.has_own_session else ''})"
        for p in run.target.survivors
    ]
    if not processes:
        return []
    return [
        "Still running after the command's end, and not in this report from then on:"
        f" {', '.join(processes)}"
    ]


def _unavailable(run: Summary) -> list[str]:
    missing = run.host.unavailable
    return [f"Not on this kernel: {', '.join(missing)}"] if missing else []
