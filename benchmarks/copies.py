"""One copy of a workload on each of so many CPUs: whether tracing costs more where more are busy.

    python -m benchmarks.copies COUNT ITERATIONS

is the target: after a line on its standard input it runs the copies, and prints the mean ns per
unit of work.
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks.bystanders import attached_to
from benchmarks.conditions import Conditions, Measured, RunResult, measure
from benchmarks.floor import TIMED, Floor
from benchmarks.result import ROOT, Options, Result, with_interval
from benchmarks.subject import Subject, rescaled
from tracer import probes
from tracer.analysis.statistics.intervals import Ratio, paired_ratio
from tracer.analysis.statistics.wording import interval_name
from tracer.capture.workload import run_untraced
from tracer.errors import TracerError
from tracer.kernel.engine import Engine
from tracer.model.spec import Spec

NAME = "copies"
UNTRACED, CLOCK, TRACED = "untraced", "programs that read the clock", "tracer"
#: One thread that makes nearly empty calls: nothing waits, so nothing but tracing can differ.
FIRST = Subject("one-thread-brigade", 20, None, 20)

#: What is around a run, given the number of the process whose children the copies are.
Around = Callable[[int], contextlib.AbstractContextManager[None]]


def _untraced(pid: int) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


@contextlib.contextmanager
def _with(floor: Floor, pid: int) -> Iterator[None]:
    with floor:
        yield


def _run(count: int, iterations: int, around: Around) -> RunResult:
    words = (sys.executable, "-m", "benchmarks.copies", str(count), str(iterations))
    pipe = subprocess.PIPE
    target = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
    with target, around(target.pid):
        out, _ = target.communicate("go\n")
    if target.returncode:
        raise TracerError(f"the copies ended with status {target.returncode}")
    return {"ns_per_unit": float(out)}


def _counts() -> list[int]:
    """1, 2, 4 and so on, and all the CPUs there are."""
    cpus = len(os.sched_getaffinity(0))
    return [*(2**n for n in range(16) if 2**n < cpus), cpus]


def _label(what: str, count: int) -> str:
    return f"{what}, {count}"


def _growth(measured: Measured, count: int) -> Ratio | None:
    """tracer to CLOCK with so many copies, against the same with one, block by block."""
    labels = [_label(what, n) for what, n in
              ((TRACED, count), (CLOCK, count), (TRACED, 1), (CLOCK, 1))]  # fmt: skip
    runs = [measured.blocks.untraced(label) for label in labels]
    numbers = sorted(set.intersection(*map(set, runs)))
    if not numbers:
        return None
    many, many_clock, one, one_clock = ([run[n].ns_per_unit for n in numbers] for run in runs)
    return paired_ratio(
        [a / b for a, b in zip(many, many_clock, strict=True)],
        [a / b for a, b in zip(one, one_clock, strict=True)],
    )


def run(options: Options) -> list[Result]:
    """One table."""
    counts = _counts()
    iterations = rescaled(FIRST, options.run_ns).iterations
    with contextlib.ExitStack() as stack:
        options.progress.say(f"{NAME}: compiling")
        engine = stack.enter_context(contextlib.closing(Engine(probes.DEFAULT)))
        clock = stack.enter_context(contextlib.closing(Floor(engine.tracepoints, TIMED)))
        around: dict[str, Around] = {
            UNTRACED: _untraced,
            CLOCK: functools.partial(_with, clock),
            TRACED: functools.partial(attached_to, engine),
        }
        conditions: Conditions = {
            _label(what, count): functools.partial(_run, count, iterations, each)
            for count in counts
            for what, each in around.items()
        }
        measured = measure(conditions, options.rounds, options.progress)
    ratio = measured.blocks.ratio
    rows = [
        [
            str(count),
            f"{measured.ns_per_unit(_label(UNTRACED, count)):,.0f}",
            with_interval(ratio(_label(CLOCK, count), _label(UNTRACED, count))),
            with_interval(ratio(_label(TRACED, count), _label(UNTRACED, count))),
            with_interval(ratio(_label(TRACED, count), _label(CLOCK, count))),
            "-" if count == 1 else with_interval(_growth(measured, count), digits=3),
        ]
        for count in counts
    ]
    columns = ["busy CPUs", "untraced, ns", CLOCK, TRACED, "tracer to these", "against 1 CPU"]
    note = (
        f"A {FIRST.name} on each CPU, all of them the target; default probes,"
        f" {options.rounds} blocks. Medians of a unit of work; ratios within each block"
        f" [{interval_name(options.rounds)}]."
    )
    return [Result(NAME, note, columns, rows, measured.as_json())]


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)


def _target(count: int, iterations: int) -> float:
    """The mean ns per unit of the copies."""
    subject = Subject(FIRST.name, iterations, None, FIRST.warmups)
    cpus = sorted(os.sched_getaffinity(0))[-count:]
    sys.stdin.readline()
    with ThreadPoolExecutor(count) as pool:
        specs = [Spec(subject.argv(), (cpu,), as_root=True) for cpu in cpus]
        times = [float(found["ns_per_unit"]) for found in pool.map(run_untraced, specs)]
    return sum(times) / count


if __name__ == "__main__":
    print(_target(*map(int, sys.argv[1:])))
