"""What `tracer explain why` changes, on made-up machines, and a command that fails under one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tracer.analysis.why import AS_IT_IS, FAILED
from tracer.errors import TracerError
from tracer.experiment import why
from tracer.experiment.condition import Condition
from tracer.experiment.runner import Forgiving
from tracer.host.cpus import Cpu
from tracer.model.trial import Outcome, Surroundings, Trial


def cpus(*caches: str, slow: tuple[int, ...] = ()) -> list[Cpu]:
    return [
        Cpu(number, str(number), cache, "node0", 512 if number in slow else 1024)
        for number, cache in enumerate(caches)
    ]


def test_sets_of_cpus() -> None:
    sets, missing = why._cpu_sets(cpus("a", "a"))
    assert sets == {"one CPU": (1,)}
    assert set(missing) == {"half of the CPUs", "one last-level cache"}
    sets, missing = why._cpu_sets(cpus("a", "a", "a", "a", slow=(2, 3)))
    assert sets == {"one CPU": (1,), "half of the CPUs": (0, 1)}
    sets, missing = why._cpu_sets(cpus("a", "b", "a", "b"))
    assert sets == {"one CPU": (3,), "half of the CPUs": (0, 2)}
    assert missing == {"one last-level cache": "its CPUs are one of the other sets"}
    sets, missing = why._cpu_sets(cpus("a", "a", "a", "a", "b", "b"))
    assert (sets["half of the CPUs"], missing) == ((0, 1, 2), {})
    assert sets["one last-level cache"] == (0, 1, 2, 3)
    assert why._cpu_sets(cpus("a")) == ({}, {"one CPU": "only one CPU may be used here"})


def test_polling_needs_an_idle_driver(tmp_path: Path) -> None:
    driver = tmp_path / "current_driver"
    assert not why.hears_latency(driver)
    for text, hears in (("none\n", False), ("haltpoll\n", True), ("intel_idle\n", True)):
        driver.write_text(text)
        assert why.hears_latency(driver) is hears


def _conditions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, hears: bool) -> Any:
    monkeypatch.setattr(why, "read_cpus", lambda _allowed: cpus("a", "a", "b", "b"))
    monkeypatch.setattr(why, "hears_latency", lambda: hears)
    monkeypatch.setattr(why.interventions, "why_not", lambda _name: None)
    go = tmp_path / "server"
    go.write_bytes(b"\x7fELF\x02\x01".ljust(64, b"\0") + b"\xff Go buildinf:")
    go.chmod(0o755)
    return why.conditions(Condition("", "", command=(str(go), "-x")), {})


def test_every_change_of_a_go_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tested, knobs, missing = _conditions(monkeypatch, tmp_path, hears=True)
    by_label = {condition.label: condition for condition in tested}
    assert list(by_label) == [
        AS_IT_IS, "one CPU", "half of the CPUs", "batch policy", "idle CPUs polling",
        "GOMAXPROCS=2", "GOMAXPROCS=8",
    ]  # fmt: skip
    assert by_label["GOMAXPROCS=8"].spec().env == {"GOMAXPROCS": "8"}
    assert by_label["half of the CPUs"].spec().cpus == (0, 1)
    assert {knob.label: knob.how for knob in knobs}["one CPU"] == "taskset -c 3 COMMAND"
    assert set(missing) == {"one last-level cache"}


def test_cpus_are_kept_busy_where_polling_is_not_heard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tested, _knobs, missing = _conditions(monkeypatch, tmp_path, hears=False)
    by_label = {condition.label: condition for condition in tested}
    assert by_label["CPUs kept busy"].intervention == "spinners"
    assert missing["idle CPUs polling"] == "no idle driver asks for the latency"


class _Runner:
    """Fails under some conditions; `ran` are the labels that were tried."""

    def __init__(self, *failing: str) -> None:
        self._failing, self.ran = failing, list[str]()

    def run(self, trial: Trial) -> Outcome:
        self.ran.append(trial.condition)
        if trial.condition in self._failing:
            raise TracerError("it ended with exit status 1")
        return Outcome(trial, {}, Surroundings(1, 1, 1, 0, 0))


def test_a_change_under_which_the_command_fails_is_tried_once() -> None:
    runner = _Runner("one CPU")
    forgiving = Forgiving(runner, ["one CPU"])
    for block in range(3):
        outcome = forgiving.run(Trial("one CPU", False, block))
        assert outcome.result == {FAILED: "it ended with exit status 1"}
        forgiving.run(Trial(AS_IT_IS, False, block))
    assert runner.ran.count("one CPU") == 1
    with pytest.raises(TracerError, match="exit status 1"):
        Forgiving(_Runner(AS_IT_IS), ["one CPU"]).run(Trial(AS_IT_IS, False, 0))


def test_the_first_line_says_how_often_and_the_second_how_long() -> None:
    assert "is started 61 times: once traced, then in 12 blocks" in why._announced(61, 4, 12, False)
    assert "only searched for its count" in why._announced(61, 4, 12, True)
    assert why._lasting(1e9, 61) == "its first run took 1 s: about 65 s in all"
    assert "about 2 hours in all; --quick" in why._lasting(120e9, 61)
