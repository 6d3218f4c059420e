"""The runs of `tracer explain why`: a user's command once traced, then untraced under each change
that can do no harm, block by block."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tracer.analysis.why import AS_IT_IS, BUSY_CPUS, Answer, Knob, explain
from tracer.capture.child import initial_environment
from tracer.experiment import interventions
from tracer.experiment.condition import Condition
from tracer.experiment.design import Design
from tracer.experiment.programs import programs_of
from tracer.experiment.runner import run_planned
from tracer.experiment.store import Store
from tracer.experiment.trials import HERE_AND_NOW, Experiment, Planned, Runs, Stage, Start
from tracer.host.cpus import Cpu, cpu_list, read_cpus
from tracer.host.files import line_of
from tracer.host.fingerprint import fingerprint
from tracer.host.requirements import require_host
from tracer.host.runtimes import recognised
from tracer.model.trial import Trial
from tracer.progress import Progress
from tracer.units import counted, duration

_PROBES = ("sched", "syscalls")
_IDLE_DRIVER = Path("/sys/devices/system/cpu/cpuidle/current_driver")
#: A longer experiment is announced together with the way to a shorter one.
_LONG_NS = 10 * 60e9
#: Beside the command's own time each run has two timed pieces of arithmetic, and a start.
_AROUND_NS = 0.06e9


def _cpu_sets(cpus: Sequence[Cpu]) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Fewer CPUs than all of them, by label; of the others the reason."""
    every = tuple(cpu.number for cpu in cpus)
    if len(every) < 2:
        return {}, {"one CPU": "only one CPU may be used here"}
    fastest = max(cpu.capacity for cpu in cpus)
    sets = {"one CPU": [cpu.number for cpu in cpus if cpu.capacity == fastest][-1:]}
    missing = {}
    near = sorted(cpus, key=lambda cpu: (cpu.node, cpu.cache, cpu.core, cpu.number))
    half = sorted(cpu.number for cpu in near[: len(near) // 2])
    if len(half) > 1:
        sets["half of the CPUs"] = half
    else:
        missing["half of the CPUs"] = "here that is one CPU"
    caches: dict[str, list[int]] = {}
    for cpu in cpus:
        caches.setdefault(cpu.cache, []).append(cpu.number)
    largest = max(caches.values(), key=len)
    if "" in caches:
        missing["one last-level cache"] = "the kernel does not say which CPUs here share one"
    elif len(caches) == 1:
        missing["one last-level cache"] = "all CPUs that may be used here share one"
    elif largest in sets.values():
        missing["one last-level cache"] = "its CPUs are one of the other sets"
    else:
        sets["one last-level cache"] = largest
    return {label: tuple(numbers) for label, numbers in sets.items()}, missing


def hears_latency(driver: Path = _IDLE_DRIVER) -> bool:
    """Whether an idle driver asks how long a CPU may take to wake."""
    return line_of(driver, "none") not in ("none", "")


def conditions(base: Condition, env: Mapping[str, str]
               ) -> tuple[list[Condition], list[Knob], dict[str, str]]:  # fmt: skip
    """The command as it is and under each change, with what to type for each; of what cannot be
    tested here the reason. `env` is what the command is started with."""
    cpus = read_cpus(os.sched_getaffinity(0))
    sets, missing = _cpu_sets(cpus)
    tested, knobs = [dataclasses.replace(base, label=AS_IT_IS)], []

    def add(knob: Knob, **changes: object) -> None:
        knobs.append(knob)
        tested.append(dataclasses.replace(base, label=knob.label, **changes))  # type: ignore[arg-type]

    for label, numbers in sets.items():
        add(Knob(label, f"taskset -c {cpu_list(numbers)} COMMAND"), cpus=numbers)
    add(Knob("batch policy", "chrt --batch 0 COMMAND"), intervention="batch")
    polling = interventions.why_not("polling")
    if polling is None and hears_latency():
        add(Knob("idle CPUs polling", ""), intervention="polling")
    else:
        missing["idle CPUs polling"] = polling or "no idle driver asks for the latency"
        add(Knob(BUSY_CPUS, ""), intervention="spinners")
    runtime = recognised(base.command, env, len(cpus))
    if runtime is None:
        missing["a setting of its own for its workers"] = "it is not one of a known runtime"
    elif runtime.why_not:
        missing["a setting of its own for its workers"] = runtime.why_not
    else:
        for label, changes in runtime.settings.items():
            shown = " ".join(f"{name}='{value}'" if " " in value else f"{name}={value}"
                             for name, value in changes.items())  # fmt: skip
            add(Knob(label, f"{shown} COMMAND"), env=changes)
    return tested, knobs, missing


def plan_why(base: Condition, rounds: int) -> Planned:
    """The command once traced, then in every block twice as it is and under each change, which it
    may fail under.

    TracerError without the command, and without the rights for BPF.
    """
    require_host()
    env = initial_environment()
    programs = programs_of([base], env)
    tested, knobs, missing = conditions(base, env)
    labels = [condition.label for condition in tested]
    first = Trial(AS_IT_IS, True, -1)
    trials = [first, *Design(labels, rounds, traced=(), twin=AS_IT_IS).trials()]
    about = {
        "unit": base.unit,
        "knobs": [dataclasses.asdict(knob) for knob in knobs],
        "programs": programs,
    }
    experiment = Experiment("explain-why", tested, rounds, fingerprint(), _PROBES)
    return Planned(experiment, tested, trials, missing, about, labels[1:])


def run_why(base: Condition, rounds: int, progress: Progress, start: Start = HERE_AND_NOW) -> Runs:
    """Run what `plan_why` has and is not saved yet.

    TracerError as there, when the command fails as it is, and when its output has no count where
    one was asked for. Interrupted when a signal comes before the first block's first run has ended.
    """
    planned = plan_why(base, rounds)
    first, *others = planned.trials
    starts = len(planned.trials)
    start.say(_announced(starts, len(planned.may_fail), rounds, bool(base.unit_from)))

    def say_how_long(store: Store) -> None:
        took_ns = next(o.result["took_ns"] for o in store.outcomes if o.trial == first)
        start.say(_lasting(took_ns, starts))

    return run_planned(planned, progress, start, [Stage([first], say_how_long), Stage(others)])


def answered(runs: Runs) -> Answer:
    """What the runs of a host say."""
    planned = runs.planned
    knobs = [Knob(**one) for one in planned.about["knobs"]]
    unit, judged = planned.about["unit"], runs.load.allows_verdict
    return explain(runs.usable, knobs, planned.missing, unit, judged=judged)


def _announced(starts: int, changes: int, rounds: int, is_searched: bool) -> str:
    output = "only searched for its count" if is_searched else "dropped"
    return (
        f"the command is started {counted(starts, 'time')}: once traced, then in"
        f" {counted(rounds, 'block')} twice as it is and under each of"
        f" {counted(changes, 'change')}. Its standard input is empty, and what it writes to"
        f" standard output is {output}"
    )


def _lasting(took_ns: float, starts: int) -> str:
    whole_ns = (took_ns + _AROUND_NS) * starts
    shorter = "; --quick is a third of that, for a first look" if whole_ns > _LONG_NS else ""
    return f"its first run took {duration(took_ns)}: about {_time(whole_ns)} in all{shorter}"


def _time(ns: float) -> str:
    seconds = ns / 1e9
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if seconds < 2 * 3600:
        return counted(round(seconds / 60), "minute")
    return counted(round(seconds / 3600), "hour")
