"""The report for people: at most 100 columns, the answer first."""

from __future__ import annotations

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.run.observer import Observer
from tracer.analysis.run.summary import Summary
from tracer.model.section import Section
from tracer.report.layout import WIDTH, fit, table
from tracer.report.run.advice import in_words, try_next
from tracer.report.run.head import head, path_title
from tracer.report.run.threads import groups, threads
from tracer.units import count, duration, percent, plain, rate

#: Shorter units of work than this are shown in ns: a tenth of a us would be too coarse.
_SHORT_UNIT_NS = 2000
#: A longer name of the unit would make the tables too wide.
_LONGEST_UNIT = 8
_WAKEUP_NAMES = {
    "same_cpu": "on the same CPU",
    "cross_cpu_idle": "to another CPU, idle",
    "cross_cpu_busy": "to another CPU, busy",
    "interrupt": "by an interrupt or timer",
}
_IDLE_PARTS = {
    "delivery": "until that CPU had the thread on its queue",
    "leaving_idle": "that CPU leaving its idle state",
    "switch_in": "switching the thread in",
}


def _path(s: Summary, width: int) -> list[str]:
    head, book = s.headline, s.wall
    short_unit = bool(s.units) and s.per_unit(s.window_ns) < _SHORT_UNIT_NS
    scale, short = (1.0, "ns") if short_unit else (1e3, "us")
    per = f"{short}/{s.unit}" if s.units else "time"
    label_width = max(min(52, width - 20), 30)

    def amount(ns: float) -> str:
        if not s.units:
            return duration(ns)
        value = s.per_unit(ns) / scale
        return "<0.1" if 0 < value < 0.05 else f"{value:.1f}"

    def row(label: str, ns: float) -> str:
        share = percent(ns / max(s.window_ns, 1))
        return f"{label[:label_width]:<{label_width}}{amount(ns):>9}{share:>10}"

    lines = [
        f"Where the time went: {path_title(s)}",
        f"{per:>{label_width + 9}}{'share':>10}",
        row("switching", head.switching * s.window_ns),
        row("  woken, but the CPU was asleep", book.parts["wakeup:idle"]),
        *(row("    " + _IDLE_PARTS[name], ns) for name, ns in (s.idle_path or {}).items()),
        row("  woken, waited behind another thread", book.parts["wakeup:queued"]),
        row("  pushed off the CPU by another thread", book.parts["preempted"]),
    ]
    if s.switch_cost_ns is not None:
        lines.append(row("  ~ the switch itself (estimate)", head.switch_cost_ns))
    if head.io is None or head.user is None or head.system is None:
        lines.append(row("on a CPU (not split: run without --light)", head.on_cpu * s.window_ns))
    else:
        lines += [
            row("I/O (inside read, write and poll calls)", head.io * s.window_ns),
            row("the program's own code", head.user * s.window_ns),
            row("other system calls", head.system * s.window_ns),
        ]
    lines.append(row("waiting (timers, outside world)", head.waiting * s.window_ns))
    lines.append(
        f"accounted {amount(book.total_ns - book.residual_ns)} of {amount(book.total_ns)}"
        f"{f' {short}' if s.units else ''} (residual {_residual(book)});"
        f" all threads: residual {_residual(s.threads)}, all CPUs: {_residual(s.cpu)}"
    )
    if s.switch_cost_ns is None and s.switches.total:
        lines.append(
            "The direct cost of a switch cannot be measured on this kernel (no sched_exit_tp):"
            " it is in the calls."
        )
    asleep_ns = s.path_thread.asleep_ns if s.path_thread else 0
    if asleep_ns > 0.001 * s.window_ns:
        lines.append(
            f"That thread was asleep for the last {duration(asleep_ns)}; what will wake it is"
            " not known"
        )
    lines.append(in_words(s))
    lines.append(f"Try: {try_next(s)}        Words: tracer help words")
    return lines


def _residual(book: Ledger) -> str:
    share = abs(book.residual_ns) / max(book.total_ns, 1)
    return "<0.1 %" if share < 0.001 else percent(share)


def _per(s: Summary) -> list[str]:
    """The head of a column of rates; none where the units of work were not counted."""
    unit = s.unit if len(s.unit) <= _LONGEST_UNIT else "unit"
    return [f"per {unit}"] if s.units else []


def _rates(s: Summary, times: float) -> list[str]:
    return [rate(s.per_unit(times))] if s.units else []


def _each(s: Summary, times: float) -> str:
    return f" ({rate(s.per_unit(times))} per {s.unit})" if s.units else ""


def _scheduler(s: Summary, width: int) -> list[str]:
    w = s.switches
    lines = [
        f"Context switches  {count(w.total)}{_each(s, w.total)}:"
        f" {count(w.voluntary)} voluntary, {count(w.involuntary)} involuntary;"
        f" {count(w.migrations)} migrations"
    ]
    if s.sched is None or s.wakeups is None:
        return lines
    rows = []
    times = [(_WAKEUP_NAMES[kind], times) for kind, times in s.sched.woke.items()]
    times = [("woken " + name, found) for name, found in times]
    times += [("preempted, until it ran again", s.sched.preempted)]
    times += [("kept its CPU for", s.sched.slice)]
    for label, found in times:
        if found.count:
            rows.append(
                [label, count(found.count), *_rates(s, found.count)]
                + [duration(found.percentile_ns(q)) for q in (50, 90, 99)]
                + [duration(found.max_ns)]
            )
    columns = ["threads", "times", *_per(s), "p50", "p90", "p99", "max"]
    if rows:
        lines += ["", *table(rows, columns, 1, width)]
    if s.wakeups["pending"]:
        lines.append(f"woken and not yet running at the end: {count(s.wakeups['pending'])}")
    outside = {k: n for k, n in s.outside_wakers.items() if n}
    if outside:
        text = ", ".join(f"{count(n)} by {k.replace('_', ' ')}" for k, n in outside.items())
        lines.append(f"Wake-ups from outside the program: {text}")
    return lines


def _calls(s: Summary, width: int) -> list[str]:
    if s.syscalls is None:
        return []
    rows = []
    for call in s.syscalls:
        times = call.times
        errors = " ".join(f"{count(n)} {name}" for name, n in call.errors.items())
        rows.append(
            [
                call.name,
                count(times.count),
                *_rates(s, times.count),
                duration(times.sum_ns),
                duration(max(times.sum_ns - call.off_cpu_ns, 0)),
                *(duration(times.percentile_ns(q)) for q in (50, 99)),
                duration(times.max_ns),
                errors,
            ]
        )
    columns = ["call", "calls", *_per(s), "total", "on CPU", "p50", "p99", "max", "errors"]
    lines = [
        "System calls (all threads; total includes sleeping in the call)",
        *table(rows, columns, 1, width),
    ]
    if s.open_calls:
        text = ", ".join(f"{count(n)} {name}" for name, n in s.open_calls.items())
        lines.append(f"still open at the end: {text}")
    return lines


def _section(section: Section, width: int = WIDTH) -> list[str]:
    lines = [section.title]
    for block in section.blocks:
        if isinstance(block, str):
            lines.append(block)
        else:
            lines += table(block.rows, block.columns, block.left, width)
    return lines


def observer_lines(o: Observer, unit: str) -> list[str]:
    """What the pairs say: the slowdown with its interval, and whether it is inside the noise."""
    kind = "95 % interval" if o.is_interval else "minimum to maximum"
    verdict = ": no difference seen" if o.in_noise else ""
    return [
        f"Observer effect  {o.slowdown:.2f}x [{o.low:.2f}, {o.high:.2f}], {kind} of"
        f" {o.pairs} {'pair' if o.pairs == 1 else 'pairs'}{verdict}",
        f"  median {duration(o.baseline_ns_per_unit)} per {unit} untraced,"
        f" {duration(o.traced_ns_per_unit)} traced; switches per {unit}"
        f" {rate(o.untraced_switches)} untraced, {rate(o.traced_switches)} traced",
    ]


def _observer(s: Summary) -> list[str]:
    if s.observer is not None:
        return observer_lines(s.observer, s.unit)
    if (e := s.estimate) is not None:
        share = f"~{percent(e.share)}" if e.share >= 0.001 else "<0.1 %"
        more = "; --baseline measures it" if s.kind == "command" else ""
        return [
            f"Observer effect  {share} of the target's time on CPUs, an estimate: {count(e.events)}"
            f" events of {duration(round(e.event_cost_ns))} each on this host{more}"
        ]
    why = "no pair was complete" if s.interrupted else "--no-baseline"
    return [f"Observer effect  not measured ({why})"]


def _trust(s: Summary) -> list[str]:
    other = s.cpu.parts["other"] / max(s.cpu.total_ns, 1)
    steal = s.load.steal_ns / max(s.cpu.total_ns, 1)
    lines = []
    if s.lost:
        text = ", ".join(f"{count(n)} {k.replace('_', ' ')}" for k, n in s.losses.items() if n)
        lines.append(f"Losses  {text}: the numbers above are too small")
    else:
        lines.append("Losses  none")
    lines.append(
        f"Meanwhile  other tasks used {percent(other)} of the CPUs, the host took {percent(steal)}"
        " (steal)"
    )
    if steal > 0.1:
        lines.append(
            "Warning: what the host took counts as time on a CPU in all of the above: it is too"
            " long by about as much; repeat this on a quieter machine"
        )
    elif max(other, steal) > 0.05:
        lines[-1] += "; do not trust fine differences"
    if s.closed_late:
        lines.append(
            "Warning: the end of the window was not seen in the kernel; the times may run past it"
        )
    unseen = s.repairs["switch_not_seen"]
    if unseen:
        lines.append(f"{count(unseen)} switches went unreported by the kernel and were made good")
    for label, book in (("the path", s.wall), ("threads", s.threads), ("CPUs", s.cpu)):
        if not book.is_closed:
            lines.append(
                f"Warning: the ledger of {label} is open:"
                f" {percent(abs(book.residual_ns) / max(book.total_ns, 1))} has no name"
            )
    if s.survivors:
        names = ", ".join(
            f"{p.pid} ({plain(p.name)}{', a session of its own' if p.has_own_session else ''})"
            for p in s.survivors
        )
        lines.append(f"Left running after the command's end, and not in this report then: {names}")
    if s.unavailable:
        lines.append(f"Not on this kernel: {', '.join(s.unavailable)}")
    return lines


def render(s: Summary, width: int = WIDTH) -> str:
    """The whole report, at most `width` columns where that can be done, ending in a newline."""
    blocks = [head(s), _path(s, width), _scheduler(s, width), groups(s, width), threads(s, width)]
    blocks.append(_calls(s, width))
    blocks += [_section(section, width) for _name, section in s.sections]
    blocks.append(_observer(s) + _trust(s))
    lines = [line for block in blocks if block for line in [*block, ""]][:-1]
    return "\n".join(piece for line in lines for piece in fit(line, width)) + "\n"
