"""What helps a command: verdicts on hand-written runs, both ways."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from tracer.analysis import why
from tracer.analysis.quiet import Load, block_loads
from tracer.analysis.why import (
    AS_IT_IS,
    FIXED_TIME,
    HELPS,
    HURTS,
    NOT_JUDGED,
    OWN_TIME,
    PERHAPS,
    SAME,
    SEEN_FASTER,
    SEEN_SAME,
    SEEN_SLOWER,
    UNSURE,
    Answer,
    Knob,
)
from tracer.model.trial import Outcome, Surroundings, Trial
from tracer.report import why as report

QUIET = Surroundings(10_000_000, 10_050_000, 1_000_000_000, 0, 1_000_000, cpus=2)
PARTS = ("user", "syscall:io", "wakeup:idle", "wakeup:queued", "preempted", "yielded", "sleep")
#: As much as a quiet host shows, block by block.
NOISE = (0.0, 0.004, -0.006, 0.008, -0.003, 0.005, -0.008, 0.002, 0.006, -0.004, 0.001, -0.002)
#: What a loaded one shows: its median is 0, and single blocks are far from it.
WILD = (0.3, -0.3, 0.2, -0.25, 0.35, -0.1, 0.15, -0.4, 0.25, -0.2, 0.1, -0.15)


def document(**shares: float) -> dict[str, Any]:
    """A traced run of 1 s whose path has these shares."""
    parts = dict.fromkeys(PARTS, 0) | {name: round(share * 1e9) for name, share in shares.items()}
    return {
        "window_ns": 1_000_000_000,
        "result": {"units": None, "unit": "run"},
        "ledgers": {"wall": {"total_ns": 1_000_000_000, "parts": parts, "residual_ns": 0}},
        "headline": {
            "io": 0.0,
            "switching": shares.get("wakeup:idle", 0.0),
            "user": shares.get("user", 0.0),
            "system": 0.0,
            "waiting": shares.get("sleep", 0.0),
        },
    }


def _result(ms: float, cpu_ms: float, switches: int) -> dict[str, Any]:
    usage = {
        "user_ns": round(cpu_ms * 1e6), "system_ns": 0,
        "voluntary": switches, "involuntary": 3,
    }  # fmt: skip
    return {"ns_per_unit": ms * 1e6, "took_ns": round(ms * 1e6), "rusage": usage}


Side = tuple[float, float, int]


def outcomes(
    conditions: Mapping[str, Side],
    blocks: int = 12,
    noise: Sequence[float] = NOISE,
    path: Mapping[str, Any] | None = None,
) -> list[Outcome]:
    """Runs with these times (ms), CPU times (ms) and voluntary switches, which vary from block to
    block; the first one is the command as it is."""
    runs = [
        Outcome(Trial(AS_IT_IS, True, -1), _result(100, 50, 10), QUIET,
                path or document(**{"wakeup:idle": 0.6, "user": 0.4}))
    ]  # fmt: skip
    for block in range(blocks):
        for number, (label, (ms, cpu_ms, switches)) in enumerate(conditions.items()):
            factor = math.exp(noise[(block + 5 * number) % len(noise)])
            result = _result(ms * factor, cpu_ms, switches)
            runs.append(Outcome(Trial(label, False, block), result, QUIET))
        factor = math.exp(noise[(block + 3) % len(noise)])
        base = next(iter(conditions.values()))
        result = _result(base[0] * factor, *base[1:])
        runs.append(Outcome(Trial(AS_IT_IS, False, block, twin=True), result, QUIET))
    return runs


def answered(
    conditions: Mapping[str, Side], *, unit: str = "run", judged: bool = True, **more: Any
) -> Answer:
    knobs = [Knob(label, f"with {label}") for label in conditions if label != AS_IT_IS]
    runs = outcomes(conditions, **more)
    return why.explain(runs, knobs, {}, unit, judged=judged)


def found(answer: Answer) -> dict[str, str]:
    return {row.label: row.found for row in answer.rows[1:]}


MIXED: dict[str, Side] = {
    AS_IT_IS: (100, 60, 1000),
    "one CPU": (50, 60, 1000),
    "batch policy": (101, 60, 1000),
    "GOMAXPROCS=4": (180, 60, 1000),
}


def test_what_helps_hurts_and_makes_no_difference() -> None:
    answer = answered(MIXED)
    assert found(answer) == {"one CPU": HELPS, "batch policy": SAME, "GOMAXPROCS=4": HURTS}
    text = " ".join(answer.sentences)
    assert answer.sentences[0].startswith("What helps: one CPU, 2.00x [")
    assert "as fast (with one CPU)." in answer.sentences[0]
    assert "What hurts: GOMAXPROCS=4, which takes 1.8" in text
    assert "No difference of more than " in text and "%: batch policy." in text
    assert "60 % woken, but the CPU was asleep and 40 % the program's own code" in text
    assert 3 <= len(answer.sentences) <= 6


def test_four_blocks_are_no_claim() -> None:
    answer = answered(MIXED, blocks=4)
    assert found(answer) == {
        "one CPU": SEEN_FASTER, "batch policy": SEEN_SAME, "GOMAXPROCS=4": SEEN_SLOWER,
    }  # fmt: skip
    assert answer.sentences[0].startswith("Seen in 4 blocks, too few for a claim (12 allow one)")
    assert "What h" not in " ".join(answer.sentences)


def test_nothing_helps() -> None:
    answer = answered({**MIXED, "one CPU": (150, 60, 1000)})
    assert answer.sentences[0] == "Nothing that was tested is seen to help."
    assert found(answer)["one CPU"] == HURTS


def test_a_noisy_host_leaves_it_open() -> None:
    """The same medians, 15 % apart, are a finding on a quiet host and none on a wild one."""
    pair: dict[str, Side] = {AS_IT_IS: (100, 60, 1000), "one CPU": (87, 60, 1000)}
    assert found(answered(pair)) == {"one CPU": HELPS}
    answer = answered(pair, noise=WILD)
    assert found(answer) == {"one CPU": UNSURE}
    assert "Cannot tell of one CPU (1." in " ".join(answer.sentences)
    assert "--rounds " in " ".join(answer.sentences)


def test_a_difference_that_nobody_would_act_on_is_none() -> None:
    small: dict[str, Side] = {AS_IT_IS: (100, 60, 1000), "one CPU": (97.8, 60, 1000)}
    assert found(answered(small)) == {"one CPU": SAME}
    assert found(answered({**small, "one CPU": (92, 60, 1000)})) == {"one CPU": HELPS}


def test_a_claim_is_larger_than_what_the_command_shows_against_itself() -> None:
    """The interval excludes 1; the command against itself differs by more."""
    gain = why.paired_ratio([100 + n for n in range(12)], [94 + n for n in range(12)])
    assert gain.differs
    assert why.verdict(gain, None, 1) == HELPS
    noise = why.paired_ratio([100 + 20 * (n % 3 - 1) for n in range(12)], [100] * 12)
    assert why.verdict(gain, noise, 1) == SAME


def test_each_further_change_asks_for_more_evidence() -> None:
    """With p = 0.02 it is a finding as one of two tests, and chance as one of ten."""
    logs = [0.06] * 9 + [-0.03] * 3
    gain = why.paired_ratio([math.exp(x) for x in logs], [1.0] * 12)
    assert 0.005 < gain.p < 0.025
    if gain.differs:
        assert why.verdict(gain, None, 1) == HELPS
        assert why.verdict(gain, None, 10) != HELPS


# ---- a fixed time ----

BY_TIME: dict[str, Side] = {
    AS_IT_IS: (200, 120, 40_000),
    "one CPU": (200.5, 190, 75_000),
    "batch policy": (199.8, 121, 41_000),
}


def test_the_same_time_for_other_work_is_a_fixed_time() -> None:
    answer = answered(BY_TIME)
    assert answer.fixed_time == FIXED_TIME
    assert set(found(answer).values()) == {NOT_JUDGED}
    assert answer.sentences[0].startswith("It runs for a fixed time: 200 ms under every change")
    assert "40,003 switches as it is, 75,003 with one CPU" in answer.sentences[0]
    assert "--unit-from 'REGEX'" in answer.sentences[1]


def test_with_its_own_count_it_is_judged() -> None:
    """The time per unit differs, whatever the runs last."""
    answer = answered({**BY_TIME, "one CPU": (110, 190, 75_000)}, unit="unit")
    assert answer.fixed_time == OWN_TIME
    assert found(answer)["one CPU"] == HELPS


def test_the_same_time_and_the_same_work_can_be_either() -> None:
    answer = answered(dict.fromkeys(BY_TIME, (200, 195, 12)))
    assert answer.fixed_time == PERHAPS
    assert set(found(answer).values()) == {SAME}
    assert answer.sentences[0] == "Nothing that was tested is seen to help."
    assert any("--unit-from takes its own count" in line for line in answer.sentences)


def test_one_change_with_another_time_is_no_fixed_time() -> None:
    answer = answered({**BY_TIME, "batch policy": (215, 121, 41_000)})
    assert answer.fixed_time == OWN_TIME
    assert found(answer)["batch policy"] == HURTS


def test_involuntary_switches_are_no_other_work() -> None:
    """A loop of its own: pushed off its CPU more or less often, its work is the same."""
    runs = outcomes({AS_IT_IS: (200, 199, 0), "one CPU": (200.2, 199, 0)})
    for run in runs:
        many = 4000 if run.trial.condition == "one CPU" else 200
        run.result["rusage"]["involuntary"] = many
    answer = why.explain(runs, [Knob("one CPU", "")], {}, "run")
    assert answer.fixed_time == PERHAPS


def test_a_command_that_sleeps_waits_and_nothing_helps() -> None:
    quiet = dict.fromkeys(BY_TIME, (1000.0, 1.2, 3))
    answer = answered(quiet, path=document(sleep=0.99, user=0.01))
    assert answer.fixed_time == OWN_TIME
    assert answer.sentences[0] == "Nothing that was tested is seen to help."
    assert "no setting of CPUs or workers changes that" in " ".join(answer.sentences)


# ---- what could not be run, and a busy host ----


def test_a_change_under_which_the_command_fails_is_not_tested() -> None:
    runs = outcomes(MIXED)
    failed = {why.FAILED: "it ended with exit status 1"}
    runs = [
        Outcome(run.trial, failed, run.surroundings) if run.trial.condition == "one CPU" else run
        for run in runs
    ]
    answer = why.explain(runs, [Knob("one CPU", ""), Knob("batch policy", "")], {}, "run")
    assert found(answer) == {"batch policy": SAME}
    assert answer.sentences[-1] == "Not tested: one CPU (it ended with exit status 1)."


def test_on_a_busy_host_nothing_is_said_to_help() -> None:
    answer = answered(MIXED, judged=False)
    assert answer.sentences[0] == "No verdict: the host was busy while this was measured."
    assert set(found(answer).values()) == {NOT_JUDGED}
    assert "helps" not in " ".join(answer.sentences)


def test_an_experiment_broken_off_in_its_first_block_has_no_verdict() -> None:
    runs = [
        run for run in outcomes(MIXED) if run.trial.block < 0 or run.trial.condition != AS_IT_IS
    ]
    answer = why.explain(runs, [Knob("one CPU", "")], {}, "run")
    assert answer.rows == []
    assert answer.sentences[0].startswith("Broken off before")
    assert report.render(answer, "run").startswith("Broken off")


# ---- the report ----


@pytest.mark.parametrize("blocks", [4, 12])
def test_the_report_answers_first_and_its_document_is_valid(
    blocks: int, validate_document: Callable[[Mapping[str, Any]], None]
) -> None:
    answer = answered(MIXED, blocks=blocks)
    runs = outcomes(MIXED, blocks)
    load = Load(None, block_loads(runs))
    text = report.render(answer, "run", 100, load)
    assert text.startswith(answer.sentences[0][:40])
    assert max(map(len, text.splitlines())) <= 100
    assert text.index("Every change") < text.index("Where the time went")
    assert ("min to max" in text) == (blocks < 5)
    data = report.document(answer, ["x"], "run", blocks, 61, runs, {"kernel": "6.1"}, load)
    validate_document(data)
    assert [change["found"] for change in data["changes"]] == [None, *found(answer).values()]
    assert len(data["runs"]) == len(runs)
