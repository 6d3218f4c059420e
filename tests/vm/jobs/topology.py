"""What QEMU was asked for (boot.sh), as `tracer doctor` and the ladder of `explain pinning` name
it; the last CPU, which `isolated` leaves out of scheduling, is visited and traced."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from _tracer import TRACER, Job, faults, run, told

CPUS = os.cpu_count() or 1
#: By topology, what the processor's line says besides the number of CPUs.
PROCESSOR = {
    "plain": f"{CPUS} cores, 1 socket, 1 last-level cache",
    "smt": f"{CPUS // 2} cores, 1 socket, 1 last-level cache",
    "caches": f"{CPUS} cores, 2 sockets, 2 last-level caches",
    "nodes": f"{CPUS // 2} cores, 2 sockets, 2 last-level caches, 2 NUMA nodes",
    "isolated": f"{CPUS} cores, 1 socket, 1 last-level cache, 1 isolated CPU ({CPUS - 1})",
}
SIBLINGS, ONE_CACHE, TWO_CACHES, TWO_NODES = (
    "SMT siblings", "two CPUs of one last-level cache", "two last-level caches", "two nodes"
)  # fmt: skip
#: The pairs of CPUs that there are.
PAIRS = {
    "plain": {ONE_CACHE},
    "smt": {SIBLINGS, ONE_CACHE},
    "caches": {ONE_CACHE, TWO_CACHES},
    "nodes": {SIBLINGS, TWO_NODES} | ({ONE_CACHE} if CPUS >= 8 else set()),
    "isolated": {ONE_CACHE},
}
#: In a process of its own: what the ladder would run.
LADDER = """
import json
from tracer.experiment.placements import here
print(json.dumps([[one.name, one.cpus, one.why_not] for one in here()]))
"""


def main() -> int:
    job = Job()
    (topology,) = re.findall(r"vm\.topology=(\w+)", Path("/proc/cmdline").read_text())
    done = run("doctor", (TRACER, "doctor"), report=False)
    unfolded = re.sub(r"\n {20,}", " ", done.out)
    line = re.search(r"^\w+ +processor +(.*)$", unfolded, re.M)
    said = line[1] if line else "no line"
    wanted = f"{CPUS} CPUs, {PROCESSOR[topology]}"
    job.row("doctor", [] if said.endswith(f": {wanted}") else [f"not {wanted}"], said)
    ladder = json.loads(
        subprocess.run(
            (sys.executable, "-c", LADDER), capture_output=True, text=True, check=True
        ).stdout
    )
    pairs = {
        name: tuple(cpus)
        for name, cpus, _why in ladder
        if cpus and name in (SIBLINGS, ONE_CACHE, TWO_CACHES, TWO_NODES)
    }
    wrong = [] if pairs.keys() == PAIRS[topology] else [f"not {sorted(PAIRS[topology])}"]
    job.row("ladder", wrong, ", ".join(f"{name} {cpus}" for name, cpus in pairs.items()))
    size = ("--tasks", "20", "--iters", "20", "--no-baseline")
    for name, cpus in (("last-cpu", str(CPUS - 1)), ("first-and-last", f"0,{CPUS - 1}")):
        words = (TRACER, "run", "thread-brigade", *size, "--cpus", cpus)
        done = run(name, words)
        job.row(name, faults(done), told(done.document) if done.document else "")
    return job.end()


if __name__ == "__main__":
    sys.exit(main())
