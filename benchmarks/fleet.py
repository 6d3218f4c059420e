"""Many hosts: what an idle worker costs its host, and the analysis of a thousand hosts' results."""

from __future__ import annotations

import json
import math
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.result import ROOT, Options, Result
from benchmarks.usage import cpu_ns
from tracer.errors import TracerError
from tracer.experiment.compare import plan_compare
from tracer.experiment.line import condition
from tracer.experiment.runner import Runner
from tracer.host.files import fields_of
from tracer.host.processes import arguments, children, tids
from tracer.model.trial import Outcome
from tracer.progress import Progress
from tracer.units import counted, duration, size

NAME = "fleet"
#: The worker is left alone for so long before it is watched, s.
_SETTLE_S, _WATCH_S, _QUICK_S = 10, 60, 10
_HOSTS, _BLOCKS = (10, 100, 1000), 12
_LINE = "thread-brigade --tasks 20 --iters 60 --warmups 5"
_GOAL_SHARE, _GOAL_SWITCHES = 0.005, 15.0
#: Hosts have true ratios that scatter by this (of the logarithm), and blocks by that.
_HOST_SPREAD, _BLOCK_SPREAD = 0.2, 0.05


def _switches(pid: int) -> int:
    """Context switches of all threads."""
    total = 0
    for tid in tids(pid):
        fields = fields_of(Path(f"/proc/{pid}/task/{tid}/status"))
        total += sum(
            int(fields.get(name, 0))
            for name in ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
        )
    return total


def _idle(options: Options) -> Result:
    """An idle worker, as `--on local:1` starts it."""
    from tracer.experiment.fleet.dask_engine import engine_at

    watch_s = _WATCH_S if options.rounds >= 12 else _QUICK_S
    with engine_at("local:1", None):
        (pid,) = (pid for pid in children(os.getpid()) if "worker" in arguments(pid))
        time.sleep(_SETTLE_S)
        used_ns, switches, began_s = cpu_ns(pid), _switches(pid), time.monotonic()
        time.sleep(watch_s)
        took_s = time.monotonic() - began_s
        share = (cpu_ns(pid) - used_ns) / 1e9 / took_s
        rate = (_switches(pid) - switches) / took_s
        threads = len(tids(pid))
    rows = [
        ["share of one CPU", f"{100 * share:.2f} %", f"below {100 * _GOAL_SHARE:g} %"],
        ["context switches a second", f"{rate:.1f}", f"at most {_GOAL_SWITCHES:g}"],
    ]
    what = f"An idle worker of {counted(threads, 'thread')}"
    note = f"{what}, watched for {took_s:.0f} s; load {_load()}."
    data = {"share": share, "switches_per_s": rate, "seconds": took_s}
    return Result(f"{NAME}-idle", note, ["an idle worker", "measured", "goal"], rows, data)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _planted(real: Mapping[tuple[str, bool], Outcome], trials: Any, host: int) -> Iterator[Outcome]:
    """The outcomes of one host: a real run's documents with times of our own."""
    draw = random.Random(host)
    ratio = draw.gauss(0.5, _HOST_SPREAD)
    for trial in trials:
        one = real[trial.condition, trial.traced]
        log = (ratio if trial.condition == "A" else 0.0) + draw.gauss(0, _BLOCK_SPREAD)
        result = {**one.result, "ns_per_unit": 5000 * math.exp(log)}
        yield replace(one, trial=trial, result=result, at_s=time.time())


def analysed(hosts: int) -> dict[str, float]:
    """Time and memory of the report on so many hosts, with their results made up here."""
    from tracer.analysis.fleet import answer
    from tracer.cli._fleet_hosts import host_answer
    from tracer.experiment.fleet.run import HostRuns
    from tracer.report import fleet as report

    a, b = condition(_LINE, "A"), condition(_LINE, "B")
    planned = plan_compare(a, b, _BLOCKS, untraced=False)
    asked = {"sides": [_LINE, _LINE]}
    real = {}
    with Runner((a, b), planned.experiment.probes, Progress(shown=False)) as runner:
        for trial in planned.trials:
            if trial.block == 0 and not trial.twin:
                real[trial.condition, trial.traced] = runner.run(trial)
    runs = []
    for host in range(hosts):
        text = [json.dumps(one.plain()) for one in _planted(real, planned.trials, host)]
        outcomes = [Outcome.from_plain(json.loads(line)) for line in text]  # as they come in
        runs.append(HostRuns(f"host{host:04}", planned, outcomes))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = time.process_time()
    found = answer("compare", True, [host_answer(asked, "compare", one) for one in runs])
    text_bytes = len(report.render(found)) + len(json.dumps(report.document(found)))
    took_s = time.process_time() - began_s
    summary = found.across[0]
    return {
        "cpu_seconds": took_s,
        "before_bytes": before * 1024,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "report_bytes": text_bytes,
        "mean": summary.mean.median,
        "spread": summary.spread.median,
    }


def _simulated(options: Options) -> Result:
    rows, data = [], {}
    for hosts in _HOSTS:
        options.progress.say(f"the results of {hosts} hosts")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.fleet", str(hosts)],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise TracerError(f"the simulation failed: {done.stderr.strip().splitlines()[-1]}")
        found = data[str(hosts)] = json.loads(done.stdout)
        rows.append(
            [
                f"{hosts:,}",
                duration(1e9 * found["cpu_seconds"]),
                size(found["before_bytes"]),
                size(found["peak_bytes"]),
                f"{found['mean']:.3f}x",
                f"{found['spread']:.3f}x",
            ]
        )
    columns = [
        "hosts",
        "report, CPU time",
        "results in memory",
        "peak",
        "common mean",
        "hosts differ by",
    ]
    note = (
        f"compare, {_BLOCKS} blocks of 5 runs a host, with the documents of real runs and times of"
        f" our own: the true mean is 1.649x, the true scatter 1.221x. Load {_load()}."
    )
    return Result(f"{NAME}-hosts", note, columns, rows, data)


def run(options: Options) -> list[Result]:
    """Two tables."""
    return [_idle(options), _simulated(options)]


SECTION = (NAME, run)

if __name__ == "__main__":
    print(json.dumps(analysed(int(sys.argv[1]))))
