"""Hops of a real brigade: how many there are follows from arithmetic, and their parts add up."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from tracer.analysis.events.anatomy import anatomy
from tracer.analysis.events.hops import hops_of
from tracer.host.recordings import read, read_meta
from tracer.model.syscalls import name_of

ROOT = Path(__file__).parents[2]
TASKS, ITERATIONS = 20, 50


def test_every_byte_that_a_task_receives_is_a_hop(tmp_path: Path) -> None:
    recording = tmp_path / "recording"
    done = subprocess.run(
        [sys.executable, "-m", "tracer", "run", "thread-brigade", "--no-baseline", "--quiet",
         "--tasks", str(TASKS), "--iters", str(ITERATIONS), "--record", str(recording)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    hops = hops_of(read(recording))
    (driver,) = (
        thread["slot"] for thread in read_meta(recording)["threads"]
        if thread["tid"] == thread["tgid"]
    )  # fmt: skip
    # the driver, who sends the byte off, receives it at the end of each trip
    woken, counts = np.unique(hops.rows["woken"], return_counts=True)
    assert dict(zip(woken.tolist(), counts.tolist(), strict=True)).pop(driver) == ITERATIONS
    assert len(hops.rows) == (TASKS + 1) * ITERATIONS
    assert len(woken) == TASKS + 1 and set(counts.tolist()) == {ITERATIONS}
    assert {name_of(int(number)) for number in hops.rows["woken_nr"]} == {"recvfrom"}
    totals = hops.rows["end_ns"] - hops.rows["start_ns"]
    assert (hops.rows["parts_ns"].sum(axis=1) == totals).all()
    assert (hops.rows["parts_ns"] >= 0).all()
    found = anatomy(hops)
    assert found is not None
    for group in (found.every, *found.groups):
        assert min(totals) <= group.percentiles_ns[50] <= group.percentiles_ns[99] <= max(totals)
        for waterfall in group.waterfalls:
            assert np.isclose(sum(waterfall.parts.values()), waterfall.total_ns)
