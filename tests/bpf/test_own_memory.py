"""tracer's own memory: of a run, and of a watch of a program whose threads come and go."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tracer.host.files import fields_of
from tracer.kernel.engine import Engine

MIB = 1 << 20
CHURN = """
import threading
while True:
    some = [threading.Thread(target=int) for _ in range(8)]
    [one.start() for one in some]
    [one.join() for one in some]
"""


def bytes_of(pid: int, name: str) -> int:
    return int(fields_of(Path(f"/proc/{pid}/status"))[name].split()[0]) * 1024


#: Prints the peak of a child in KiB: the kernel counts that of the process it is forked from too.
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_a_run_with_the_default_probes_stays_small() -> None:
    words = [sys.executable, "-m", "tracer", "run", "--", "true"]
    subprocess.run(words, capture_output=True, check=True)  # fills the cache
    peak = subprocess.check_output([sys.executable, "-c", MEASURED, *words])
    assert int(peak) * 1024 < 80_000_000


def test_windows_of_short_lived_threads_stay_small() -> None:
    """The table of threads is filled again and again; every window copies it."""
    with subprocess.Popen([sys.executable, "-c", CHURN]) as program:
        words = ["attach", str(program.pid), "--interval", "1"]
        with subprocess.Popen(
            [sys.executable, "-m", "tracer", *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as tracer:  # fmt: skip
            try:
                time.sleep(25)
                assert tracer.poll() is None
                assert bytes_of(tracer.pid, "VmHWM") < 250 * MIB
            finally:
                tracer.send_signal(signal.SIGTERM)
                program.kill()


@pytest.fixture(scope="module")
def engine() -> Engine:
    found = Engine(("sched", "syscalls"))
    yield found
    found.close()


def test_the_table_of_threads_is_mapped_as_far_as_it_is_used(engine: Engine) -> None:
    arrays = engine.arrays
    arrays.reset()
    early = arrays["threads"]
    assert len(early) < arrays.most_threads // 8
    arrays.ctl["next_slot"] = len(early) + 1
    later = arrays["threads"]
    assert len(early) < len(later) == len(arrays["sched_threads"])
    early["tid"][5], later["tid"][6] = 105, 106
    assert (later["tid"][5], early["tid"][6]) == (105, 106), "the same memory"
    arrays.ctl["next_slot"] = arrays.most_threads + 10  # as the programs leave it when it is full
    assert len(arrays.threads) == len(arrays["threads"]) == arrays.most_threads and arrays.is_full
    arrays.reset()
    assert not arrays["threads"]["tid"].any()
