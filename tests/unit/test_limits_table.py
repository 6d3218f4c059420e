"""The table of limits in docs/overhead.md has the numbers of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracer.capture import concurrency, living, waiting
from tracer.kernel import perf, programs, seed, settings, stacks
from tracer.model import syscalls
from tracer.model.states import LOSSES
from tracer.probes import DIRECTORY, events, futex, waits
from tracer.probes import stacks as stacks_probe
from tracer.probes import syscalls as calls_probe

ROOT = Path(__file__).resolve().parents[2]


def rows() -> dict[str, str]:
    """By the limit, the number and what follows."""
    text = (ROOT / "docs" / "overhead.md").read_text()
    table = text[text.index("## Limits") :].split("\n\n")[2].splitlines()[2:]
    return {line.split(" | ")[0].strip("| "): line.split(" | ", 1)[1] for line in table}


def tries(file: Path, name: str) -> int:
    return int(re.findall(rf"#define {name} (\d+)", file.read_text())[0])


MACHINE = programs.MACHINE
NUMBERS = {
    "threads at a time": (settings.MOST_ROWS, settings.rows_for(1), settings.FREE_RESERVE,
                          settings.rows_for(0) // 2),
    "threads that `attach` can begin with": (settings.MOST_ROWS // 2 - seed._SPARE - 1,
                                             seed._SPARE),
    "CPUs with statistics of their own": (settings._STAT_CPUS,),
    "system calls with a row on each set of CPUs": (calls_probe._MAX_ROWS - 1,),
    "numbers of system calls": (syscalls.COMPAT, syscalls.TABLE_LENGTH - syscalls.COMPAT),
    "futex places (thread and address)": (1 << futex._PLACE_BITS,
                                          tries(DIRECTORY / "futex.c", "FUTEX_TRIES")),
    "places of waits (thread, call, descriptor, outcome)": (
        1 << waits._PLACE_BITS, tries(DIRECTORY / "waits.c", "WAIT_TRIES")),
    "futex words whose holders are known": (settings._WORDS, settings._WORD_THREADS),
    "waits for something outside, by what, call and waker, each CPU": (
        settings.CPU_OUTSIDE_WAITS, tries(MACHINE / "awaited.c", "AWAITED_TRIES")),
    "other programs by name, each CPU": (settings.CPU_OTHERS,),
    "calls of `sched_setaffinity`": (settings.MAX_AFFINITIES - 2,),
    "nodes of sampled paths in the ring": (stacks_probe._NODES, int(stacks._LOOK_S * 1000)),
    "nodes of sampled paths that are kept": (stacks._MOST_NODES,),
    "stacks in the rings (`stacks`)": (stacks_probe._STACKS, stacks_probe._FEWEST,
                                       stacks_probe._MOST),
    "stacks that wait to be unwound": (stacks._ROOM_BYTES >> 20,),
    "event loops whose tasks have names": (stacks_probe.EVENT_LOOPS,),
    "times of threads by stack (`--all-threads`)": (stacks._MOST_TIMES,),
    "threads that sleep at the end and get a stack (`--all-threads`)": (waiting._MOST_WAITS,),
    "events in the rings (`--record`)": (events._RECORDS, events._FEWEST, events._MOST),
    "what processes map, waiting in the kernel": (perf._PAGES,
                                                  perf._ALL_PAGES // perf._PAGES + 1,
                                                  perf._FEWEST),
    "threads whose CPUs are asked for at the edges": (living._MOST,),
    "looks at who runs, every 10 ms": (int(concurrency._LATE_S * 1000),),
}  # fmt: skip


@pytest.mark.parametrize("limit", NUMBERS)
def test_the_numbers_are_those_of_the_code(limit: str) -> None:
    stated = [int(n.replace(",", "")) for n in re.findall(r"\b[\d,]*\d\b", rows()[limit])]
    assert set(NUMBERS[limit]) <= set(stated), limit


def test_rows_without_a_constant_are_few() -> None:
    assert len(rows().keys() - NUMBERS.keys()) == 3
    assert f"`{LOSSES[0]}`" in rows()["threads at a time"]
    mask = re.findall(r"u64 mask\[(\d+)\];", (MACHINE / "core.h").read_text())
    assert rows()["CPUs in the mask of such a call"].startswith(f"{int(mask[0]) * 64:,} ")
