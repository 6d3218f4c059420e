"""Probe idle: the idle states that wake-ups met, and the parts of the wake-up latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.host.cpus import halt_instruction, idle_states
from tracer.model.histogram import Histogram
from tracer.model.probe import Arrays, Context, KernelTypes, Probe
from tracer.model.section import Cell, Scale, Section, Table, Time, Total
from tracer.model.states import BETWEEN_IDLE_STATES, indices
from tracer.units import count, count_or_unknown, duration, percent

#: The parts of a wake-up to an idle CPU, in the order of time and of the C arrays.
PARTS = ("delivery", "leaving_idle", "switch_in")
#: What the waker's CPU sent to the idle one; `flag`: it polls, a store into its memory is enough.
SENT = ("nothing", "call_function", "reschedule", "flag")
STATES = 12  #: rows by state: the kernel's CPUIDLE_STATE_MAX is 10, then
_OTHER, _BETWEEN = 10, 11
SYSFS = Path("/sys/devices/system/cpu")
_SHOWN_CPUS = 8
#: Sleeps are told apart by octaves, from 2^SLEEP_FIRST ns (1 us) to 2^26 ns (67 ms).
SLEEP_FIRST, SLEEPS = 10, 17
_STAYS = ("stays", "ran_ns", "ran_io_ns", "ran_user_ns")


@dataclass(frozen=True)
class Wakes:
    """Wake-ups from another CPU to idle CPUs in one state. Histograms in ns.

    For each wake-up delivery + leaving_idle + switch_in = whole. `sent` by the names of SENT, None
    where this kernel does not tell it; for `not_enqueued` of them the moment of enqueueing is
    unknown and all is delivery.
    """

    state: str
    sent: Mapping[str, int | None]
    not_enqueued: int
    parts: Mapping[str, Histogram]
    whole: Histogram

    @property
    def polling(self) -> bool:
        return self.state == "POLL"


@dataclass(frozen=True)
class IdleCpu:
    """One CPU in the window: entries and ns by idle state, and interrupts taken (None: this machine
    does not tell)."""

    cpu: int
    entries: Mapping[str, int]
    residency_ns: Mapping[str, int]
    reschedule: int | None
    call_function: int | None


@dataclass(frozen=True)
class Sleeps:
    """Wake-ups that met a CPU which had slept from `from_ns` to twice that: until it had the thread
    on its queue, ns. The first and the last octave hold all shorter and all longer sleeps.

    `stays` of the woken threads there, until they left the CPU: `ran_ns` in all, of it in calls for
    I/O and in own code (None with --light)."""

    from_ns: int
    delivery: Histogram
    stays: int = 0
    ran_ns: int = 0
    ran_io_ns: int | None = 0
    ran_user_ns: int | None = 0


@dataclass(frozen=True)
class IdleRecord:
    """`path`: the parts of the wall ledger's `wakeup:idle` in ns, summing to it.

    `held` by the names of SENT: ns from what a thread sent to the next event of its CPU; None where
    that is not told, and with --light.
    """

    path: Mapping[str, int]
    wakes: Sequence[Wakes]
    cpus: Sequence[IdleCpu]
    held: Mapping[str, Histogram | None]
    sleeps: Sequence[Sleeps] = ()


def _macros(_types: KernelTypes) -> dict[str, object]:
    """The indices that idle.c shares with this file."""
    return {
        **indices("IDLE_", PARTS),
        "N_IDLE_PARTS": len(PARTS),
        "IDLE_OTHER": _OTHER,
        "IDLE_BETWEEN": _BETWEEN,
        "N_IDLE_STATES": STATES,
        **indices("SENT_", SENT),
        "N_SENT": len(SENT),
        "IDLE_SLEEP_FIRST": SLEEP_FIRST,
        "N_IDLE_SLEEPS": SLEEPS,
    }


def state_names(cpu: int) -> list[str]:
    """Names of a CPU's rows by state, from sysfs where it has a cpuidle driver.

    Without one the kernel knows two: 0 polls (idle=poll), 1 is the machine's own halt.
    """
    found = idle_states(cpu, SYSFS) or {0: "POLL", 1: halt_instruction()}
    names = [found.get(number, f"state {number}") for number in range(STATES)]
    names[_OTHER], names[_BETWEEN] = "others", BETWEEN_IDLE_STATES
    return names


def _told(context: Context) -> frozenset[str]:
    """The names of SENT that the attached tracepoints tell."""
    interrupt, flag = (
        context.saw(name) for name in ("ipi_send_cpu", "sched_wake_idle_without_ipi")
    )
    is_told = {
        "call_function": interrupt,
        "reschedule": interrupt,
        "flag": flag,
        "nothing": interrupt and flag,
    }
    return frozenset(name for name in SENT if is_told[name])


def _read(arrays: Arrays, context: Context) -> IdleRecord:
    """Wake-ups by idle state over all CPUs; a stay that goes on is cut at the window's end."""
    cpus, ctl = arrays["idle_cpus"], arrays["ctl"][0]
    states = arrays["idle_rows"].reshape(len(cpus), STATES)
    start_ns, end_ns = int(ctl["start_ns"]), int(ctl["end_ns"])
    used = np.flatnonzero(cpus["enter_ns"] | cpus["call_function"] | cpus["reschedule"])
    names = {int(cpu): state_names(int(cpu)) for cpu in used}
    has_reschedule = context.saw("reschedule_entry")
    has_calls = context.saw("call_function_entry", "call_function_single_entry")
    found = []
    for number in used.tolist():
        row = cpus[number]
        residency = states[number]["residency_ns"].astype(np.int64)
        if int(row["exit_ns"]) < int(row["enter_ns"]) < end_ns:
            residency[int(row["state"])] += end_ns - max(int(row["enter_ns"]), start_ns)
        entries = states[number]["entries"].tolist()
        shown = [s for s in range(STATES) if entries[s] or residency[s]]
        found.append(
            IdleCpu(
                number,
                {names[number][s]: entries[s] for s in shown},
                {names[number][s]: int(residency[s]) for s in shown},
                int(row["reschedule"]) if has_reschedule else None,
                int(row["call_function"]) if has_calls else None,
            )
        )
    where: dict[str, list[tuple[int, int]]] = {}
    for cpu, state in np.argwhere(states["whole"]["buckets"].any(axis=2)).tolist():
        name = (names.get(cpu) or state_names(cpu))[state]
        where.setdefault(name, []).append((cpu, state))
    path = _path(arrays["idle_threads"][int(ctl["end_slot"])], int(ctl["epoch"]))
    told = _told(context)
    timed = frozenset() if context.light else told
    return IdleRecord(
        path=dict(zip(PARTS, path, strict=True)),
        wakes=[
            _wakes(name, states[tuple(zip(*at, strict=True))], told) for name, at in where.items()
        ],
        cpus=found,
        held={
            name: Histogram.merged(cpus["held"][:, n]) if name in timed else None
            for n, name in enumerate(SENT)
        },
        sleeps=_sleeps(arrays["idle_sleeps"].reshape(len(cpus), SLEEPS), context.light),
    )


def _path(thread: np.void, epoch: int) -> list[int]:
    """The thread's parts of the window: of an earlier one where it had no event in it."""
    for field, of in (("path", "epoch"), ("path_before", "before_epoch")):
        if int(thread[of]) == epoch:
            return [int(ns) for ns in thread[field]]
    return [0] * len(PARTS)


def _sleeps(rows: NDArray[np.void], light: bool) -> list[Sleeps]:
    """The octaves that have wake-ups, over all CPUs; rows of shape (CPUs, SLEEPS)."""
    sums = {name: rows[name].sum(axis=0).tolist() for name in _STAYS}
    octaves = [
        Sleeps(
            1 << SLEEP_FIRST + n,
            Histogram.merged(rows["delivery"][:, n]),
            stays=sums["stays"][n],
            ran_ns=sums["ran_ns"][n],
            # with --light nothing distinguishes a call from the program's own code
            ran_io_ns=None if light else sums["ran_io_ns"][n],
            ran_user_ns=None if light else sums["ran_user_ns"][n],
        )
        for n in range(SLEEPS)
    ]
    return [octave for octave in octaves if octave.delivery.count]


def _wakes(state: str, rows: NDArray[np.void], told: frozenset[str]) -> Wakes:
    sent = rows["sent"].sum(axis=0).tolist()
    return Wakes(
        state,
        {name: sent[n] if name in told else None for n, name in enumerate(SENT)},
        int(rows["not_enqueued"].sum()),
        {name: Histogram.merged(rows["parts"][:, n]) for n, name in enumerate(PARTS)},
        Histogram.merged(rows["whole"]),
    )


# ---- the report ----


def _data(record: IdleRecord) -> dict[str, Any]:
    return {
        "path": dict(record.path),
        "wakeups": [
            {
                "state": w.state,
                "polling": w.polling,
                "sent": dict(w.sent),
                "not_enqueued": w.not_enqueued,
                **{f"{name}_ns": times.data() for name, times in w.parts.items()},
                "whole_ns": w.whole.data(),
                "sum_ns": {name: times.sum_ns for name, times in w.parts.items()},
            }
            for w in record.wakes
        ],
        "sleeps": [
            {
                "from_ns": octave.from_ns,
                "delivery_ns": octave.delivery.data(),
                **{name: getattr(octave, name) for name in _STAYS},
            }
            for octave in record.sleeps
        ],
        "sender_held_ns": {
            name: None if times is None else times.data()
            for name, times in record.held.items()
            if name != "nothing"
        },
        "cpus": [
            {
                "cpu": c.cpu,
                "states": [
                    {"name": name, "entries": n, "residency_ns": c.residency_ns[name]}
                    for name, n in c.entries.items()
                ],
                "reschedule_interrupts": c.reschedule,
                "call_function_interrupts": c.call_function,
            }
            for c in record.cpus
        ],
    }


def _wake_table(record: IdleRecord) -> Table:
    rows: list[list[Cell]] = []
    for w in sorted(record.wakes, key=lambda w: -w.whole.count):
        kinds = (w.sent["call_function"], w.sent["reschedule"])
        interrupts = sum(n for n in kinds if n is not None) if None not in kinds else None
        rows.append(
            [w.state, count(w.whole.count)]
            + [count_or_unknown(n) for n in (interrupts, w.sent["flag"])]
            + [Time.of(w.parts[name].mean_ns) for name in PARTS]
            + [Time.of(w.whole.percentile_ns(q)) for q in (50, 99)]
        )
    columns = ["idle state", "woken", "IPI", "flag"]
    columns += ["delivery", "leaving", "switch-in", "p50", "p99"]
    return Table(columns, rows)


def _sleep_table(record: IdleRecord) -> Table:
    """How long the CPU had slept against how long the wake-up took to reach its queue, and how long
    the woken thread then ran: calls for I/O and own code, means of a stay."""
    rows: list[list[Cell]] = [
        [
            f"{duration(octave.from_ns)} to {duration(2 * octave.from_ns)}",
            count(octave.delivery.count),
            Time.of(octave.delivery.mean_ns),
            *(Time.of(octave.delivery.percentile_ns(q)) for q in (50, 90, 99)),
            *(
                Time.of(ns / octave.stays if octave.stays and ns is not None else None)
                for ns in (octave.ran_io_ns, octave.ran_user_ns)
            ),
        ]
        for octave in record.sleeps
    ]
    columns = ["it had slept for", "woken", "delivery", "p50", "p90", "p99", "then I/O", "own code"]
    return Table(columns, rows)


def _cpu_table(record: IdleRecord, scale: Scale) -> Table:
    rows: list[list[Cell]] = []
    for c in record.cpus[:_SHOWN_CPUS]:
        interrupts = [count_or_unknown(c.reschedule), count_or_unknown(c.call_function)]
        for name, entries in c.entries.items() or [("-", 0)]:
            ns = c.residency_ns.get(name, 0)
            share = percent(ns / max(scale.window_ns, 1))
            rows.append([str(c.cpu), name, count(entries), Total(ns), share, *interrupts])
            interrupts = ["", ""]
    columns = ["CPU", "idle state", "entries", "time", "share", "resched", "call function"]
    return Table(columns, rows, left=2)


def _report(record: IdleRecord, scale: Scale) -> Section:
    """Wake-ups by idle state, the sender's side, then states and interrupts by CPU."""
    blocks: list[str | Table] = []
    if record.wakes:
        blocks.append(_wake_table(record))
    else:
        blocks.append("No thread was woken from another CPU onto an idle one.")
    unknown = sum(w.not_enqueued for w in record.wakes)
    if unknown:
        blocks.append(f"of {count(unknown)} the enqueueing was not seen: all of it is delivery")
    held = [
        f"{duration(times.percentile_ns(50))} ({label}, {count(times.count)} times)"
        for label, times in (
            ("call-function interrupt", record.held["call_function"]),
            ("reschedule interrupt", record.held["reschedule"]),
            ("flag", record.held["flag"]),
        )
        if times and times.count
    ]
    if held:
        blocks.append(f"from sending to the waker's next event, median: {', '.join(held)}")
    if record.sleeps:
        title = "Delivery by how long the CPU had slept (the ends hold shorter and longer sleeps)"
        blocks += ["", title, _sleep_table(record)]
    blocks += ["", "Idle states and interrupts of each CPU", _cpu_table(record, scale)]
    left_out = len(record.cpus) - _SHOWN_CPUS
    if left_out > 0:
        blocks.append(f"{left_out} more CPUs are in the JSON report")
    title = "Idle CPUs: threads woken from another CPU, by the idle state they met (mean parts)"
    return Section(title, blocks, _data(record))


PROBE = Probe(
    summary="idle CPUs: the state a wake-up met, its parts, interrupts; time in each state",
    hooks=(
        *("cpu_event", "waking", "created", "switched_in", "switched_out", "called"),
        *("idle_changed", "interrupt_sent"),
    ),
    arrays=("idle_cpus", "idle_rows", "idle_sleeps", "idle_threads"),
    read=_read,
    report=_report,
    states={
        "idle_cpus": (
            *("enter_ns", "exit_ns", "before_enter_ns", "before_exit_ns"),
            *("state", "before_state", "waking", "sent", "sent_ns"),
        ),
        "idle_threads": (),
    },
    tracepoints=(
        "cpu_idle",
        "sched_wakeup",
        "ipi_send_cpu",
        "sched_wake_idle_without_ipi",
        "reschedule_entry",
    ),
    macros=_macros,
)
