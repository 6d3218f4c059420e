"""The order of trials, and what a broken-off experiment leaves and finds again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tracer.errors import Interrupted, TracerError
from tracer.experiment.design import Design, Done, run_trials
from tracer.experiment.store import Store
from tracer.model.trial import Outcome, Surroundings, Trial
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
        return Outcome(trial, {"ns_per_unit": 1.0}, AROUND)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("SUDO_UID", raising=False)


def run(runner: Runner, plan: dict[str, Any] = PLAN, complete: bool = False) -> Done:
    with Store("compare", plan) as store:
        done = run_trials(DESIGN.trials(), runner, store, Progress())  # type: ignore[arg-type]
        if complete:
            store.complete()
    return done


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
    done = run(Runner(stop_at))
    assert done.interrupted == 2
    assert [o.trial for o in done.outcomes] == DESIGN.trials()[:stop_at]
    rest = Runner()
    done = run(rest)
    assert done.interrupted is None
    assert rest.ran == DESIGN.trials()[stop_at:]
    assert [o.trial for o in done.outcomes] == DESIGN.trials()


def test_another_plan_starts_afresh_and_a_complete_one_too() -> None:
    run(Runner(5))
    other = Runner()
    run(other, {"x": 2})
    assert len(other.ran) == 15
    run(Runner(), complete=True)
    again = Runner()
    run(again)
    assert len(again.ran) == 15


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
