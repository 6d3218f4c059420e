"""`tracer explain pinning` on 8 CPUs of the topology `nodes` (boot.sh), which has no idle driver:
nothing is claimed that was not seen.

The truth about each claim is in the report's own runs: wake-ups by kind, the knob's idle states.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _tracer import RESULTS, TRACER, Document, Job, faults, run

WORKLOAD = ("thread-brigade", "--tasks", "50", "--iters", "20")
#: An interval of a time that is wider than this share of it confirms nothing.
WIDEST = 0.5
#: Fewer wake-ups of a kind give no price.
SEEN = 100
#: tracer with shorter runs before the blocks: an emulated hop takes a hundred times as long.
SHORT = (
    "import tracer.experiment.pinning as pinning, tracer.cli.main as cli;"
    "pinning._FIRST_UNITS, pinning._CALIBRATION_UNITS = 4_000, 1_000;"
    "cli.main()"
)


def main() -> int:
    job = Job()
    for cpus in ("physical", "0,4", "1-3"):
        name = f"cpus-{cpus}"
        words = (TRACER, "run", *WORKLOAD, "--no-baseline", "--cpus", cpus)
        job.row(name, faults(run(name, words)))
    python = (".venv/bin/python", "-c", SHORT)
    threading.Thread(target=tell, daemon=True).start()
    words = (*python, "explain", "pinning", "--quick", "--workload", " ".join(WORKLOAD))
    done = run("explain", words, limit_s=2400)
    print(done.out, done.err[-1000:], flush=True)
    if done.status != 0 or done.document is None:
        job.row("explain", [f"exit status {done.status}", "no report"])
        return job.end()
    judge(job, done.document)
    again = subprocess.run(
        (TRACER, "explain", "--from", str(RESULTS / "explain.json")),
        capture_output=True,
        text=True,
        check=False,
    )
    same = again.returncode == 0 and again.stdout == done.out
    job.row("again", [] if same else ["--from gives another answer"])
    return job.end()


def tell() -> None:
    """How many runs are saved, each minute: an emulated machine takes long, or stands still."""
    while True:
        time.sleep(60)
        saved = Path.home().glob(".local/state/tracer/**/*.jsonl")
        runs = sum(len(file.read_text().splitlines()) for file in saved)
        print(f"{time.monotonic():.0f} s: {runs} lines saved", flush=True)


def judge(job: Job, document: Document) -> None:
    """The rows of an explanation."""
    below = [f"{where}: {low}" for where, low in times_below_zero(document)]
    job.row("no time below zero", below)
    job.row("placement", placement(document))
    job.row("prices", prices(document))
    job.row("knob", knob(document))
    job.row("prediction", prediction(document))


def times_below_zero(document: Document) -> Iterator[tuple[str, float]]:
    """Lower ends of times (ns) that are below zero; shares of the gap may be."""
    for step in document["steps"]:
        if step["ns"]["low"] < 0:
            yield step["label"], step["ns"]["low"]
    found = document["prediction"]
    if found is not None and found["low"] < 0:
        yield "prediction", found["low"]


def theory(document: Document, number: int) -> Any:
    return next(one for one in document["theories"] if one["number"] == number)


def same_cpu_wakeups(document: Document) -> int:
    """In the unpinned runs of the blocks, traced: the fewest of a run."""
    return min(
        trial["report"]["sched"]["wakeups"]["same_cpu"]
        for trial in document["trials"]
        if trial["trial"]["condition"] == "unpinned" and trial["report"] is not None
    )


def placement(document: Document) -> list[str]:
    """The cause, or it cannot be told: crossing is not nothing of the gap, nor refuted where the
    price that it is compared with was not seen."""
    found = theory(document, 8)
    share = found["signal"]["share"] if found["signal"] else None
    wrong = []
    if share is not None and abs(share["median"]) < 0.005:
        wrong.append(f"crossing is {share['median']:.3f} of the gap")
    if found["verdict"] in ("refuted", "not seen") and same_cpu_wakeups(document) < SEEN:
        wrong.append(f"theory 8 {found['verdict']} with {same_cpu_wakeups(document)} wake-ups seen")
    print(f"theory 8: {found['verdict']}: {found['why']}", flush=True)
    return wrong


def prices(document: Document) -> list[str]:
    """What was not seen is priced by the calibration, and that is said."""
    seen, answer = same_cpu_wakeups(document), " ".join(document["answer"])
    print(f"wake-ups on the same CPU in an unpinned run: {seen} or more", flush=True)
    if seen >= SEEN or "go to another CPU" not in answer or "calibration" in answer:
        return []
    return [f"{seen} wake-ups on the same CPU, and a price that is not the calibration's"]


def knob(document: Document) -> list[str]:
    """Without an idle driver nobody asks for the latency."""
    wanted = "had no effect here: no idle driver asks for the latency"
    step = next((one for one in document["steps"] if one["label"] == "idle CPUs polling"), None)
    if step is None:
        return [f"not run: {json.dumps(document['missing'])}"]
    return [] if step["no_effect"] == wanted else [f"idle CPUs polling: {step['no_effect']}"]


def prediction(document: Document) -> list[str]:
    found = document["prediction"]
    if found is None:
        return []
    print({key: found[key] for key in ("ns", "low", "high", "measured_ns", "verdict")}, flush=True)
    is_wide = found["high"] - found["low"] > WIDEST * found["ns"]
    return ["confirmed by too wide an interval"] if found["confirmed"] and is_wide else []


if __name__ == "__main__":
    sys.exit(main())
