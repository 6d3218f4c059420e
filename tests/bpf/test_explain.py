"""`tracer explain` on real runs: what must hold on any machine, and that nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from processes import descendants, is_running, until
from quiet import busy_blocks

ROOT = Path(__file__).parents[2]
PINNING = (sys.executable, "-m", "tracer", "explain", "pinning")
SCHEMA = json.loads((ROOT / "docs" / "schema" / "tracer.explain-2.json").read_text())
SMALL = ("--workload", "thread-brigade --tasks 50 --iters 50")
NO_GAP = "there is no gap to explain"
BUSY = "the host was busy while this was measured"
NEEDS_TWO = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")


def start(state: Path, *words: str, before: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*before, *PINNING, *words], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "XDG_STATE_HOME": str(state)},
    )  # fmt: skip


def finished(state: Path, *words: str, before: tuple[str, ...] = ()) -> tuple[int, str, str]:
    running = start(state, *words, before=before)
    out, err = running.communicate(timeout=300)
    return running.returncode, out, err


def finished_from(state: Path, document: dict) -> dict:
    """What `explain --from` makes of a report."""
    file = state / "kept.json"
    file.write_text(json.dumps(document))
    words = (*PINNING[:-1], "--from", str(file), "--json", "-")
    return json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout)


def saved(state: Path) -> list[dict]:
    """The whole lines of the state file, without the first, which says what it is."""
    files = list((state / "tracer").glob("explain-pinning-*"))
    lines = files[0].read_text().split("\n")[:-1] if files else []
    return [json.loads(line) for line in lines[1:]]


def policy(pid: int) -> int | None:
    try:
        return os.sched_getscheduler(pid)
    except ProcessLookupError:
        return None


def spinners(pid: int) -> list[int]:
    """Children of `pid` under SCHED_IDLE."""
    return [child for child in descendants(pid) if policy(child) == os.SCHED_IDLE]


def target_of(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def holders_of_latency() -> set[int]:
    """Processes that have /dev/cpu_dma_latency open."""
    links = Path("/proc").glob("[0-9]*/fd/*")
    return {int(link.parts[2]) for link in links if target_of(link) == "/dev/cpu_dma_latency"}


def check(document: dict) -> None:
    """What must hold on any machine, whatever the verdicts are."""
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    steps = {step["label"]: step for step in document["steps"]}
    assert {"unpinned", "one CPU"} <= set(steps)
    assert steps["one CPU"]["crossings"] == 0
    assert set(document["missing"]).isdisjoint(steps)
    for step in document["steps"]:
        assert step["no_effect"] is None or step["recovered"] is None
    for theory in document["theories"]:
        assert theory["why"]
        if theory["knob"] is not None:
            assert steps[theory["knob"]]["no_effect"] is None
        assert theory["verdict"] in ("seen once", "not seen", "not tested"), "of few blocks"
        if theory["verdict"] != "not tested":
            assert theory["signal"] is not None
            assert theory["knob"] is None or theory["recovered"] or theory["verdict"] == "not seen"
    assert [t["number"] for t in sorted(document["theories"], key=lambda t: t["number"])] == [
        *range(1, 20)
    ]
    prediction = document["prediction"]
    if not document["load"]["verdict_allowed"]:
        assert {theory["why"] for theory in document["theories"]} == {BUSY}
        assert prediction is None and document["answer"] == [f"No verdict: {BUSY}."]
        return
    if prediction is None:  # fewer than two of the first runs met a quiet host
        return
    assert prediction["low"] <= prediction["ns"] <= prediction["high"]
    inside = prediction["low"] <= prediction["measured_ns"] <= prediction["high"]
    assert not prediction["confirmed"], "of few blocks"
    assert prediction["verdict"] in (
        ("seen once", "the interval says nothing") if inside else ("outside",)
    )
    assert prediction["low"] > 0
    for side in ("unpinned_ns", "pinned_ns"):
        assert sum(line[side] for line in document["lines"]) > 0
        assert all(line[side] >= -1 for line in document["lines"])


@pytest.mark.slow
@NEEDS_TWO
def test_interrupted_after_the_first_pinned_run_and_continued(tmp_path):
    """The prediction is saved before the test; the same command completes the experiment."""
    words = (*SMALL, "--rounds", "2", "--json", "-")
    running = start(tmp_path, *words)
    until(lambda: any(_pinned(line) for line in saved(tmp_path)))
    running.send_signal(signal.SIGINT)
    _out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "run the same command again to continue" in err and "Traceback" not in err
    lines = saved(tmp_path)
    order = ["prediction" if line.get("note") == "prediction" else
             "pinned" if _pinned(line) else
             "first" if line.get("trial", {}).get("block", 0) < 0 else
             line.get("note", "other") for line in lines]  # fmt: skip
    assert order.index("theories") == 0, "what each theory predicts is written down first"
    assert order[1:12] == ["first"] * 10 + ["prediction"], "the calibration and unpinned runs"
    assert "pinned" in order[12:]
    kept = next(line["value"] for line in lines if line.get("note") == "prediction")
    for line in lines:
        trial = line.get("trial", {})
        if trial.get("block", 0) < 0:
            assert trial["traced"]
            if trial["condition"] == "two threads on one CPU":
                woken = line["report"]["sched"]["wakeups"]
                assert woken["same_cpu"] > 1000
                assert woken["cross_cpu_idle"] == woken["cross_cpu_busy"] == 0

    status, out, err = finished(tmp_path, *words)
    assert status == 0, err
    assert not list((tmp_path / "tracer").iterdir()), "a complete experiment leaves no file"
    document = json.loads(out)
    check(document)
    again = finished_from(tmp_path, document)
    assert again == document, "the file alone gives the same answer"
    if document["prediction"] is not None:
        assert {name: document["prediction"][name] for name in kept} == kept


def _pinned(line: dict) -> bool:
    return line.get("trial", {}).get("condition") == "one CPU"


@pytest.mark.slow
@NEEDS_TWO
def test_lines_sum_to_the_traced_runs_windows(tmp_path):
    """The ledger in the report against the windows in the state file, both of one block."""
    words = (*SMALL, "--rounds", "2", "--json", str(tmp_path / "x.json"))
    running = start(tmp_path, *words)
    labels = {"unpinned": "unpinned_ns", "one CPU": "pinned_ns"}
    until(lambda: {line["trial"]["condition"] for line in _traced(tmp_path)} >= set(labels))
    running.send_signal(signal.SIGINT)
    out, _err = running.communicate(timeout=60)
    document = json.loads((tmp_path / "x.json").read_text())
    size = _size_of_the_gap(tmp_path) if document["load"]["verdict_allowed"] else BUSY
    assert size in " ".join(out.split())
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    for label, side in labels.items():
        runs = [line["report"] for line in _traced(tmp_path) if line["trial"]["condition"] == label]
        hops = [run["window_ns"] / run["result"]["units"] for run in runs]
        mean = sum(line[side] for line in document["lines"])
        assert abs(mean - sum(hops) / len(hops)) < 1, label


def _size_of_the_gap(state: Path) -> str:
    """What the answer must say of it, from the untraced times in the state file."""
    times: dict[str, dict[int, float]] = {"unpinned": {}, "one CPU": {}}
    for line in saved(state):
        trial = line.get("trial", {})
        if trial.get("condition") in times and not trial["traced"] and trial["block"] >= 0:
            times[trial["condition"]][trial["block"]] = line["result"]["ns_per_unit"]
    free, pinned = times.values()
    blocks = free.keys() & pinned.keys()
    if not blocks:
        return "Not enough was measured: at least one block with both placements is needed."
    if len(blocks) == 1:
        return "One block cannot tell noise from difference: for thread-brigade it gave "
    slower = sum(free[n] > pinned[n] for n in blocks)
    return f", slower in {slower} of {len(blocks)} blocks"


def _traced(state: Path) -> list[dict]:
    traced = [line for line in saved(state) if line.get("trial", {}).get("traced")]
    return [line for line in traced if line["trial"]["block"] >= 0]


#: Runs one trial under an intervention, as an experiment does; the workload never ends by itself.
HOLD = """
import signal, sys
from tracer.errors import Interrupted
from tracer.experiment.condition import Condition
from tracer.experiment.runner import Runner
from tracer.model.trial import Trial
from tracer.progress import Progress

def stop(number, _frame):
    raise Interrupted(number)

signal.signal(signal.SIGINT, stop)
values = {"tasks": 10, "iters": 100_000_000, "warmups": 1}
condition = Condition("it", "thread-brigade", values, intervention=sys.argv[1])
try:
    with Runner([condition], (), Progress()) as runner:
        runner.run(Trial("it", False, 0))
except Interrupted:
    sys.exit(130)
"""


def in_force(pid: int, intervention: str) -> bool:
    """The intervention is in force, and the target runs under it."""
    target = [
        p for p in descendants(pid) if target_of(Path(f"/proc/{p}/exe")).endswith("/thread-brigade")
    ]
    if not target:
        return False
    if intervention == "spinners":
        return len(spinners(pid)) == len(os.sched_getaffinity(0))
    if intervention == "polling":
        return pid in holders_of_latency()
    return policy(target[0]) == os.SCHED_BATCH


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
@pytest.mark.parametrize("intervention", ["polling", "batch", "spinners"])
def test_interventions_are_undone(intervention, number):
    others = holders_of_latency()
    running = subprocess.Popen([sys.executable, "-c", HOLD, intervention], cwd=ROOT)
    until(lambda: in_force(running.pid, intervention), 60)
    below = descendants(running.pid)
    assert len(below) == 1 + (len(os.sched_getaffinity(0)) if intervention == "spinners" else 0)
    running.send_signal(number)
    status = running.wait(30)
    assert status == (130 if number == signal.SIGINT else -signal.SIGKILL)
    until(lambda: not any(is_running(pid) for pid in below), 5)
    assert holders_of_latency() <= others


def test_one_allowed_cpu_is_not_testable(tmp_path):
    cpu = max(os.sched_getaffinity(0))
    status, out, err = finished(tmp_path, "--quick", before=("taskset", "-c", str(cpu)))
    assert (status, out) == (1, "")
    assert "not testable" in err and "Traceback" not in err
    assert not (tmp_path / "tracer").exists()


@pytest.mark.slow
@NEEDS_TWO
def test_under_batch_already_preemption_is_never_blamed(tmp_path):
    words = (*SMALL, "--rounds", "2", "--json", "-")
    status, out, err = finished(tmp_path, *words, before=("chrt", "--batch", "0"))
    assert status == 0, err
    document = json.loads(out)
    check(document)
    if not document["load"]["verdict_allowed"]:
        pytest.skip(f"the host was busy: {busy_blocks(document)}")
    preemption = next(t for t in document["theories"] if t["number"] == 6)
    reasons = {theory["why"] for theory in document["theories"]}
    if NO_GAP in reasons:
        assert reasons == {NO_GAP}
    assert preemption["verdict"] == ("not tested" if NO_GAP in reasons else "not seen")


@pytest.mark.slow
@NEEDS_TWO
def test_quick_answers_within_its_limits(tmp_path):
    status, out, err = finished(tmp_path, "--quick", "--json", str(tmp_path / "x.json"))
    assert status == 0, err
    document = json.loads((tmp_path / "x.json").read_text())
    check(document)
    assert max(map(len, out.splitlines())) <= 100
    assert "Few blocks: the intervals are wide" in out
    assert document["answer"][0][:60] in " ".join(out.split())
