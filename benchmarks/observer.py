"""The estimate of the observer effect without an untraced run, beside the measured slowdown."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.conditions import Measured, RunResult, measure
from benchmarks.memcached import Memcached
from benchmarks.result import Options, Result
from benchmarks.subject import Subject, last_cpu, rescaled
from tracer import probes
from tracer.analysis.run.estimate import Estimate
from tracer.analysis.run.summary import summarize
from tracer.analysis.statistics.wording import interval_name
from tracer.capture.attach import AttachRequest, attached
from tracer.capture.command import CommandOptions, run_command, run_command_untraced
from tracer.kernel.engine import Engine
from tracer.kernel.event_cost import calibration
from tracer.kernel.samples import Sampler
from tracer.model.cost import Calibration, Cost
from tracer.model.recording import Recording
from tracer.model.spec import Spec

NAME = "observer"
UNTRACED, TRACED = "untraced", "traced"
#: The middle of the range is to be no further from what was measured than this share of it.
GOAL = 1 / 3
_LOOP = "import os\nfor _ in range({}): os.getppid()"
_CALL_NS = 260
_SPIN = "while True: pass"


@dataclass(frozen=True)
class Estimates:
    """Of one traced run: with the samples of the run, and by the calibration alone."""

    sampled: Estimate
    calibrated: Estimate


def _of(recording: Recording, costs: Calibration) -> Estimates:
    def estimate(cost: Cost) -> Estimate:
        given = dataclasses.replace(recording, cost=cost)
        found = summarize(given, name="", transport="", unit="run").estimate
        assert found is not None
        return found

    assert recording.cost is not None
    return Estimates(estimate(recording.cost), estimate(Cost(costs)))


def _cpu_ns(result: RunResult) -> RunResult:
    usage = result["rusage"]
    return {"ns_per_unit": float(usage["user_ns"] + usage["system_ns"])}


class _Command:
    """A program that is started for each run; the unit is the whole program."""

    def __init__(self, argv: Sequence[str]) -> None:
        # what a workload prints of itself is not this program's output
        quiet = ("sh", "-c", 'exec "$@" >/dev/null', "sh")
        self._spec = Spec((*quiet, *argv), (last_cpu(),), as_root=True, controlled=False)

    def untraced(self) -> RunResult:
        return _cpu_ns(run_command_untraced(self._spec))

    def traced(self, engine: Engine) -> tuple[RunResult, Estimates]:
        sampler = Sampler(engine)
        recording = run_command(engine, self._spec, CommandOptions(), sampler)
        costs = calibration(engine)
        recording = dataclasses.replace(recording, cost=Cost(costs, sampler.samples))
        return _cpu_ns(recording.result), _of(recording, costs)

    def close(self) -> None:
        pass


class _Server:
    """memcached with one client; the unit is a request."""

    def __init__(self, run_ns: float) -> None:
        self._run_s = max(run_ns / 1e9, 0.5)
        self._server = Memcached(last_cpu())

    def untraced(self) -> RunResult:
        before = self._server.usage()
        time.sleep(self._run_s)
        return {"ns_per_unit": self._server.usage().cpu_ns_per_request(before)}

    def traced(self, engine: Engine) -> tuple[RunResult, Estimates]:
        costs = calibration(engine)
        began = []
        request = AttachRequest(pids=(self._server.pid,), duration_s=self._run_s)
        windows = attached(
            engine, request, None, lambda _t, _p: began.append(self._server.usage()), costs
        )
        (recording,) = windows
        result = {"ns_per_unit": self._server.usage().cpu_ns_per_request(began[0])}
        return result, _of(recording, costs)

    def close(self) -> None:
        self._server.close()


def _brigade(name: str, run_ns: float, tasks: int, **further: str) -> Sequence[str]:
    return rescaled(Subject(name, 20, tasks, 5, further), run_ns).argv()


#: The programs, by title; each is made with the length of a run, ns.
PROGRAMS: dict[str, Callable[[float], _Command | _Server]] = {
    "two processes, pipes": lambda ns: _Command(
        _brigade("process-brigade", ns, 2, transport="pipe")
    ),
    "getppid in a loop": lambda ns: _Command(
        (sys.executable, "-c", _LOOP.format(int(ns / _CALL_NS)))
    ),
    "memcached, one client": _Server,
    "async-brigade": lambda ns: _Command(_brigade("async-brigade", ns, 500)),
}


@contextlib.contextmanager
def _spinners() -> Iterator[None]:
    """A program on each CPU that never leaves it."""
    cpus = sorted(os.sched_getaffinity(0))
    children = [
        subprocess.Popen(["taskset", "-c", str(cpu), sys.executable, "-c", _SPIN]) for cpu in cpus
    ]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


def _percent(shares: Sequence[float]) -> str:
    return f"{100 * float(np.median(shares)):.1f}"


def _row(title: str, load: str, measured: Measured, estimates: Sequence[Estimates]) -> list[str]:
    ratio = measured.blocks.ratio(TRACED, UNTRACED)
    assert ratio is not None
    slowdown, low, high = (100 * (x - 1) for x in (ratio.median, ratio.low, ratio.high))
    sampled = [e.sampled for e in estimates]
    alone = [e.calibrated for e in estimates]
    middle = float(np.median([(e.low + e.high) / 2 for e in sampled]))
    share = 100 * middle / slowdown if slowdown > 0 else float("nan")
    known = max(high - slowdown, slowdown - low) < GOAL * slowdown
    verdict = "met" if abs(share - 1) <= GOAL else "missed"
    return [
        title,
        load,
        f"{slowdown:.1f} [{low:.1f}, {high:.1f}]",
        f"{_percent([e.low for e in sampled])} to {_percent([e.high for e in sampled])}",
        f"{share:.2f}",
        f"{_percent([e.low for e in alone])} to {_percent([e.high for e in alone])}",
        verdict if known else "not clear",
    ]


def _measured(
    program: _Command | _Server, engine: Engine, options: Options
) -> tuple[Measured, list[Estimates]]:
    estimates: list[Estimates] = []

    def traced() -> RunResult:
        result, found = program.traced(engine)
        estimates.append(found)
        return result

    conditions = {UNTRACED: program.untraced, TRACED: traced}
    return measure(conditions, options.rounds, options.progress), estimates


def run(options: Options) -> list[Result]:
    """One table."""
    rows, data, below = [], {}, []
    with contextlib.closing(Engine(probes.DEFAULT)) as engine:
        for title, make in PROGRAMS.items():
            if title.startswith("memcached") and not shutil.which("memcached"):
                below.append(f"{title}: not installed (package memcached)")
                continue
            with contextlib.closing(make(options.run_ns)) as program:
                for load in ("none", "a spinner on each CPU"):
                    options.progress.say(f"{title}, foreign load: {load}")
                    with contextlib.nullcontext() if load == "none" else _spinners():
                        measured, estimates = _measured(program, engine, options)
                    rows.append(_row(title, load, measured, estimates))
                    data[f"{title}, {load}"] = {
                        **measured.as_json(),
                        "estimates": [dataclasses.asdict(e) for e in estimates],
                    }
    return [_result(rows, data, options.rounds, below)]


def _result(
    rows: Sequence[Sequence[str]], data: Mapping[str, object], blocks: int, below: Sequence[str]
) -> Result:
    columns = ["program", "foreign load", "measured, %", "estimate, %", "middle/measured"]
    columns += ["calibrated only, %", "goal"]
    note = (
        f"{blocks} blocks; how much more CPU time per unit of work than untraced."
        f" `measured`: the ratio within each block [{interval_name(blocks)}]. `estimate`: what a"
        " report says without an untraced run; `calibrated only`: where the kernel times no"
        " programs, or the run is too short. Medians. The goal: the middle of the estimate within"
        " a third of what was measured; `not clear` where that is not known as well."
    )
    return Result(NAME, note, columns, rows, {"programs": data}, left=2, below=below)


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
