"""The order of trials, and what a broken-off experiment leaves and finds again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracer.errors import Interrupted, TracerError
from tracer.experiment.design import Design
from tracer.experiment.store import Store
from tracer.experiment.surroundings import Watch
from tracer.experiment.trials import (
    HERE_AND_NOW,
    Experiment,
    Outcomes,
    Stage,
    Start,
    run_experiment,
)
from tracer.host.load import HostTimes
from tracer.model.trial import HostShare, Outcome, Surroundings, Trial
from tracer.progress import Progress

AROUND = Surroundings(1, 1, 1, 0, 0)
DESIGN = Design(("A", "B"), blocks=3, twin="A")
PLAN: dict[str, Any] = {"x": 1}


class Runner:
    """Counts its runs; stops as if by a signal at one of them."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.ran: list[Trial] = []
        self._stop_at = stop_at

    def run(self, trial: Trial) -> Outcome:
        if len(self.ran) == self._stop_at:
            raise Interrupted(2)
        self.ran.append(trial)
        return Outcome(trial, {"ns_per_unit": 1.0}, AROUND, at_s=time.time())


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setattr("tracer.experiment.surroundings.LOOK_S", 0.0)


def run(runner: Runner, kernel: str = "6.18", start: Start = HERE_AND_NOW) -> Outcomes:
    experiment = Experiment("compare", (), DESIGN.blocks, {"kernel": kernel})
    return run_experiment(experiment, [Stage(DESIGN.trials())], runner, Progress(), start)


def test_each_block_holds_every_run_once_in_an_order_of_its_own() -> None:
    trials = Design(("A", "B"), blocks=40, twin="A").trials()
    blocks = [trials[n : n + 5] for n in range(0, len(trials), 5)]
    for number, block in enumerate(blocks):
        assert {trial.block for trial in block} == {number}
        assert len(set(block)) == 5
    orders = {tuple((t.condition, t.traced, t.twin) for t in block) for block in blocks}
    assert len(orders) > 20
    first = [block[0].condition for block in blocks]
    assert 8 <= first.count("B") <= 24
    assert trials == Design(("A", "B"), blocks=40, twin="A").trials()


@pytest.mark.parametrize("traced", [(), ("B",), ("A", "B")])
def test_only_those_asked_for_are_traced(traced: tuple[str, ...]) -> None:
    trials = Design(("A", "B"), blocks=2, traced=traced).trials()
    assert len(trials) == 4 + 2 * len(traced)
    assert {trial.condition for trial in trials if trial.traced} == set(traced)


@pytest.mark.parametrize("stop_at", [0, 1, 7, 14])
def test_a_broken_off_experiment_goes_on(stop_at: int) -> None:
    if stop_at:
        done = run(Runner(stop_at))
        assert done.interrupted == 2
        assert [o.trial for o in done.outcomes] == DESIGN.trials()[:stop_at]
    else:  # there is nothing to report
        with pytest.raises(Interrupted) as stopped:
            run(Runner(stop_at))
        assert stopped.value.number == 2
    rest = Runner()
    done = run(rest)
    assert done.interrupted is None
    assert rest.ran == DESIGN.trials()[stop_at:]
    assert [o.trial for o in done.outcomes] == DESIGN.trials()


def test_another_plan_starts_afresh_and_a_complete_one_too() -> None:
    run(Runner(5))
    other = Runner()
    run(other, "6.19")
    assert len(other.ran) == 15
    rest = Runner()
    run(rest)
    assert len(rest.ran) == 10
    again = Runner()
    run(again)
    assert len(again.ran) == 15


def stages(noted: list[str], stop_at: str = "") -> list[Stage]:
    """Two runs before the blocks, then the blocks; each stage notes its end, or is stopped."""

    def then(name: str) -> Callable[[Store], None]:
        def note(store: Store) -> None:
            if name == stop_at:
                raise Interrupted(15)
            noted.append(name)
            store.note(name, len(store.outcomes))

        return note

    first = [Trial("A", False, -1), Trial("A", False, -2)]
    return [
        Stage((), then("begin")),
        Stage(first, then("first")),
        Stage(DESIGN.trials(), then("blocks")),
    ]


def staged(runner: Runner, noted: list[str], stop_at: str = "") -> Outcomes:
    experiment = Experiment("explain", (), DESIGN.blocks, {})
    return run_experiment(experiment, stages(noted, stop_at), runner, Progress())


def test_stages_follow_one_another_and_leave_their_notes() -> None:
    noted: list[str] = []
    done = staged(Runner(), noted)
    assert noted == ["begin", "first", "blocks"]
    assert done.notes == {"begin": 0, "first": 2, "blocks": 17}
    assert [o.trial.block for o in done.outcomes[:3]] == [-1, -2, 0]


def test_runs_before_the_first_block_are_nothing_to_report() -> None:
    for _start in range(2):
        with pytest.raises(Interrupted):
            staged(Runner(1), [])
    noted: list[str] = []
    rest = Runner()
    assert staged(rest, noted).notes["first"] == 2
    assert len(rest.ran) == 15, "each start made one of the two"


def test_a_signal_in_what_follows_a_stage_leaves_it_to_the_next_start(tmp_path: Path) -> None:
    done = staged(Runner(), [], stop_at="blocks")
    assert (done.interrupted, len(done.outcomes)) == (15, 17)
    assert list((tmp_path / "tracer").iterdir())
    rest, noted = Runner(), list[str]()
    done = staged(rest, noted)
    assert rest.ran == []
    assert done.notes == {"begin": 0, "first": 2, "blocks": 17}
    assert not list((tmp_path / "tracer").iterdir()), "a complete experiment leaves no file"


def test_a_line_cut_by_a_kill_is_run_again(tmp_path: Path) -> None:
    run(Runner(4))
    (file,) = (tmp_path / "tracer").iterdir()
    text = file.read_text()
    file.write_text(text[:-20])
    rest = Runner()
    run(rest)
    assert rest.ran == DESIGN.trials()[3:]


def test_a_note_is_kept_and_not_replaced() -> None:
    with Store("explain", PLAN) as store:
        store.note("prediction", 1)
        store.note("prediction", 2)
    assert Store("explain", PLAN).notes == {"prediction": 1}


def test_a_place_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(TracerError, match="cannot save blocks") as told:
        Store("compare", PLAN)
    assert "XDG_STATE_HOME" in told.value.hint


# ---- what is taken from when ----


class At:
    """A clock to set; the host is looked at without it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1_800_000_000.0
        monkeypatch.setattr(time, "time", lambda: self.now_s)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    return At(monkeypatch)


def test_continuing_says_how_much_is_taken_and_from_when(at: At) -> None:
    said: list[str] = []
    assert run(Runner(7)).load.resumed is None
    at.now_s += 25 * 60
    done = run(Runner(), start=Start(say=said.append))
    assert said == ["7 of 15 runs are taken from 25 minutes ago; --fresh starts anew"]
    assert done.load.resumed is not None
    assert (done.load.resumed.saved, done.load.resumed.runs) == (7, 15)
    assert [block.is_old for block in done.load.blocks] == [False] * 3


def test_blocks_of_another_hour_are_known(at: At) -> None:
    run(Runner(7))
    at.now_s += 3700
    done = run(Runner())
    assert [block.is_old for block in done.load.blocks] == [True, True, False]


def test_a_long_experiment_in_one_go_has_no_block_of_another_hour(at: At) -> None:
    class Slow(Runner):
        def run(self, trial: Trial) -> Outcome:
            at.now_s += 3700
            return super().run(trial)

    assert not any(block.is_old for block in run(Slow()).load.blocks)


def test_runs_of_more_than_a_day_ago_are_refused_until_fresh(at: At) -> None:
    run(Runner(7))
    at.now_s += 25 * 3600
    untouched = Runner()
    for _start in range(2):
        with pytest.raises(TracerError, match="7 runs of this experiment are saved") as refused:
            run(untouched)
        assert "--fresh" in refused.value.hint
    assert untouched.ran == []
    anew = Runner()
    assert run(anew, start=Start(fresh=True)).load.resumed is None
    assert anew.ran == DESIGN.trials()


def test_fresh_takes_nothing_of_a_minute_ago_either() -> None:
    run(Runner(7))
    anew = Runner()
    run(anew, start=Start(fresh=True))
    assert anew.ran == DESIGN.trials()


# ---- a quiet host ----


def seen(monkeypatch: pytest.MonkeyPatch, *shares: HostShare) -> None:
    """What each look at the host shows, the last one again and again."""
    left = list(shares)
    monkeypatch.setattr(
        "tracer.experiment.surroundings.look", lambda: left.pop(0) if left[1:] else left[0]
    )


BUSY, STOLEN, QUIET = HostShare(0.43, 0.0), HostShare(0.0, 0.2), HostShare(0.04, 0.01)


def test_it_waits_for_a_quiet_host(monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch, BUSY, STOLEN, QUIET)
    assert run(Runner(), start=Start(wait_quiet_s=60)).load.before == QUIET


def test_a_quiet_host_that_does_not_come_is_an_error_before_any_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen(monkeypatch, BUSY)
    runner = Runner()
    with pytest.raises(TracerError) as refused:
        run(runner, start=Start(wait_quiet_s=0.01))
    assert refused.value.message == (
        "no quiet host in 0.01 s: at the end other programs used 43 % of the CPUs, the host took"
        " 0 % (steal)"
    )
    assert runner.ran == []


def test_what_tracer_does_itself_is_no_load_of_others() -> None:
    """A child that computes for a second is tracer's own once it was waited for, and others' load
    while it runs. What is not others' load is what /proc/stat has beyond it."""

    def own_ns(of: Callable[[], object]) -> int:
        before, watch = HostTimes.now(os.sched_getaffinity(0)), Watch(spin=False)
        of()
        around = watch.ended(spin=False)
        load = HostTimes.now(os.sched_getaffinity(0)).load_since(before)
        assert around.cpus == len(os.sched_getaffinity(0))
        return load.busy_ns - around.others_ns

    second = 10**9
    assert own_ns(lambda: subprocess.run([sys.executable, "-c", SPIN], check=True)) > 0.9 * second
    spinner = subprocess.Popen([sys.executable, "-c", SPIN])
    assert own_ns(lambda: time.sleep(0.5)) < 0.3 * second
    spinner.wait()


#: A second of CPU time.
SPIN = "import time\nwhile time.process_time() < 1: pass"
