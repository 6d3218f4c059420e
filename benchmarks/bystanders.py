"""What tracer costs programs that it does not trace, while it is attached to another one."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping

from benchmarks.conditions import Conditions, RunResult, measure
from benchmarks.floor import Floor
from benchmarks.overhead import at_floor
from benchmarks.result import Options, Result, with_interval
from benchmarks.subject import Subject, rescaled
from tracer import probes
from tracer.analysis.statistics.wording import interval_name
from tracer.capture.attach import AttachRequest, attached
from tracer.capture.workload import run_untraced
from tracer.errors import TracerError
from tracer.kernel.engine import Engine

NAME = "bystanders"
UNTRACED, FLOOR, TRACED = "untraced", "empty programs", "beside tracer"
#: A bystander is to take no longer than this, against empty programs.
GOAL = 1.03
_START_S = 10.0
#: Reads and writes of one thread, which block nowhere; two processes that wake each other.
SUBJECTS: Mapping[str, Subject] = {
    "system calls in a loop": Subject("one-thread-brigade", 20, 500, 20),
    "two processes, pipes": Subject("process-brigade", 20, 2, 20, {"transport": "pipe"}),
}


@contextlib.contextmanager
def attached_to(engine: Engine, pid: int) -> Iterator[None]:
    """A window is open over that process."""
    ended, end = os.pipe()
    is_open = threading.Event()
    failed: list[TracerError] = []

    def watch() -> None:
        try:
            request = AttachRequest(pids=(pid,), until=ended)
            for _recording in attached(engine, request, None, lambda _t, _p: is_open.set()):
                pass
        except TracerError as error:
            failed.append(error)
            is_open.set()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        if not is_open.wait(_START_S) or failed:
            raise failed[0] if failed else TracerError("tracer did not attach")
        yield
    finally:
        os.close(end)
        thread.join()
        os.close(ended)


def _beside(engine: Engine, subject: Subject) -> RunResult:
    target = subprocess.Popen(["sleep", "infinity"])
    try:
        with attached_to(engine, target.pid):
            return run_untraced(subject.spec())
    finally:
        target.kill()
        target.wait()


def run(options: Options) -> list[Result]:
    """One table."""
    rows, data = [], {}
    with contextlib.ExitStack() as stack:
        options.progress.say(f"{NAME}: compiling")
        engine = stack.enter_context(contextlib.closing(Engine(probes.DEFAULT)))
        floor = stack.enter_context(contextlib.closing(Floor(engine.tracepoints)))
        for title, first in SUBJECTS.items():
            subject = rescaled(first, options.run_ns)
            conditions: Conditions = {
                UNTRACED: functools.partial(run_untraced, subject.spec()),
                FLOOR: functools.partial(at_floor, floor, subject),
                TRACED: functools.partial(_beside, engine, subject),
            }
            measured = measure(conditions, options.rounds, options.progress)
            ratio = measured.blocks.ratio(TRACED, FLOOR)
            met = "-" if ratio is None else "met" if ratio.high <= GOAL else \
                "above" if ratio.low > GOAL else "not clear"  # fmt: skip
            rows.append([
                title,
                f"{measured.ns_per_unit(UNTRACED):,.0f}",
                with_interval(measured.blocks.ratio(FLOOR, UNTRACED)),
                with_interval(measured.blocks.ratio(TRACED, UNTRACED)),
                with_interval(ratio, digits=3),
                met,
            ])  # fmt: skip
            data[title] = measured.as_json()
    columns = ["bystander", "untraced, ns", FLOOR, TRACED, "to the floor", f"goal: {GOAL}"]
    note = (
        "Programs that are not traced, pinned to one CPU, while tracer is attached to one that"
        f" sleeps; default probes, {options.rounds} blocks. Medians of a unit of work; ratios"
        f" within each block [{interval_name(options.rounds)}]; `not clear`: the goal is inside."
    )
    return [Result(NAME, note, columns, rows, {"subjects": data})]


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
