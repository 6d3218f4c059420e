"""Many hosts, without an engine: what is asked of whom, and what faults leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tracer import __version__
from tracer.analysis.brigades import Contestant
from tracer.analysis.statistics.intervals import Interval
from tracer.errors import Interrupted, TracerError
from tracer.experiment.brigade_sizes import sizes_data
from tracer.experiment.condition import Condition
from tracer.experiment.design import Design
from tracer.experiment.fleet import remote
from tracer.experiment.fleet.gathering import AnswerLostError, EngineLostError, Gathering, Pending
from tracer.experiment.fleet.questions import Question, planned_data, planned_from
from tracer.experiment.fleet.run import FleetRuns, blocks_of, run_fleet
from tracer.experiment.fleet.security import checked_address, is_loopback, security
from tracer.experiment.line import condition
from tracer.experiment.trials import Experiment, Planned, Start
from tracer.model.trial import Outcome, Surroundings, Trial
from tracer.progress import Progress

QUESTION = Question("compare", {"sides": ["a", "b"]})
BLOCKS = 3
SIZES = {
    "async": Contestant(Interval(300.0, 200.0, 400.0), None, None, "no limit"),
    "threads": Contestant(Interval(9e3, 8e3, 1e4), Interval(2e4, 1e4, 3e4), 30_000),
}


@dataclass
class Answer:
    """A request that is done once its time has come."""

    at: float
    text: Callable[[], str]
    engine: FakeEngine
    cancelled: bool = False

    def is_done(self) -> bool:
        return self.engine.now >= self.at

    def result(self) -> Any:
        return json.loads(self.text())

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class FakeEngine:
    """Hosts whose answers take a second each; `changes` happen at their times."""

    addresses: dict[str, str]
    answer: Callable[[str, Mapping[str, Any]], str]
    changes: dict[float, Callable[[FakeEngine], None]] = field(default_factory=dict)
    now: float = 0.0
    is_lost: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def workers(self) -> Mapping[str, str]:
        if self.is_lost:
            raise EngineLostError
        return self.addresses

    def submit(self, address: str, request: str) -> Pending:
        name = next(name for name, where in self.addresses.items() if where == address)
        self.asked.append((name, request))
        made = Answer(self.now + 1, lambda: self.answer(name, json.loads(request)), self)
        self.answers.append(made)
        return made

    def pause(self, seconds: float) -> None:
        self.now += seconds
        for at in [at for at in self.changes if at <= self.now]:
            self.changes.pop(at)(self)


def planned(kernel: str = "6.18") -> Planned:
    conditions = [Condition("A", "thread-brigade", {"iters": 3}, (0, 1)), Condition("B", "x")]
    trials = [Trial("first", True, -1), Trial("first", True, -2)]
    trials += Design(("A", "B"), BLOCKS, traced=()).trials()
    experiment = Experiment("compare", conditions, BLOCKS, {"kernel": kernel}, ("sched",))
    every = [*conditions, Condition("first", "x")]
    return Planned(experiment, every, trials, {"C": "no room"}, {"unit": "hop"}, ["B"])


def give(name: str, request: Mapping[str, Any], kernel: str = "6.18") -> str:
    """What a worker would answer: a plan, or outcomes that name their host in their time."""
    assert request["version"] == __version__
    if request["do"] == "plan":
        return json.dumps(planned_data(planned(kernel)))
    if request["do"] == "sizes":
        return json.dumps(sizes_data(SIZES))
    around = Surroundings(1, 1, 10, 0, 0)
    labels = {one["label"] for one in request["conditions"]}
    outcomes = []
    for one in request["trials"]:
        trial = Trial(**one)
        assert trial.condition in labels
        outcomes.append(Outcome(trial, {"ns_per_unit": float(ord(name[0]))}, around, at_s=2e9))
    return json.dumps([outcome.plain() for outcome in outcomes])


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("SUDO_UID", raising=False)


def ask(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, said: list[str] | None = None,
    fresh: bool = False, question: Question = QUESTION,
) -> FleetRuns:  # fmt: skip
    """Ask by the engine's clock."""
    original = Gathering.__init__

    def made(self: Gathering, *words: Any, **more: Any) -> None:
        original(self, *words, **more)
        self.clock, self.pause = (lambda: engine.now), engine.pause

    with monkeypatch.context() as patch:
        patch.setattr(Gathering, "__init__", made)
        start = Start(fresh=fresh, say=([] if said is None else said).append)
        return run_fleet(question, engine, 30, Progress(), start)


def test_a_plan_is_the_same_after_a_journey() -> None:
    there = planned_from(json.loads(json.dumps(planned_data(planned()))))
    assert there == planned_from(planned_data(planned()))
    assert there.trials == planned().trials and there.experiment.more == {}
    assert planned_data(there) == planned_data(planned())
    assert there.conditions[0].cpus == (0, 1)
    line = condition("thread-brigade --tasks 5", "A")
    assert Condition.from_plain(json.loads(json.dumps(line.plain()))) == line


def test_blocks_stay_together_and_what_comes_before_them_is_one() -> None:
    blocks = blocks_of(planned().trials)
    assert [{trial.block for trial in block} for block in blocks] == [{-1, -2}, {0}, {1}, {2}]
    assert [trial for block in blocks for trial in block] == planned().trials


def test_every_host_gives_every_block_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine({"a": "1", "b": "2"}, give)
    runs = ask(engine, monkeypatch)
    assert [host.name for host in runs.hosts] == ["a", "b"]
    for host in runs.hosts:
        assert [outcome.trial for outcome in host.outcomes] == planned().trials
        assert {outcome.ns_per_unit for outcome in host.outcomes} == {float(ord(host.name))}
        assert host.blocks == (3, 3) and not host.failure and not host.repeated
    assert len(engine.asked) == 2 * (1 + 1 + BLOCKS)
    assert engine.now < 7, "hosts are asked at the same time"


def test_a_worker_is_told_what_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine({"a": "a:1"}, give)
    ask(engine, monkeypatch)
    asked = [json.loads(text) for _name, text in engine.asked]
    assert [one["may_fail"] for one in asked if one["do"] == "block"] == [["B"]] * (BLOCKS + 1)


def test_sizes_are_asked_for_last_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of brigades alone. Without b, which is gone before its last block, a is not asked again."""
    question = Question("brigades", {"in_python": False})
    engine = FakeEngine({"a": "a:1", "b": "b:1"}, give, {2.5: lambda e: e.addresses.pop("b")})
    runs = ask(engine, monkeypatch, question=question)
    assert [bool(host.failure) for host in runs.hosts] == [False, True]
    assert [host.sizes for host in runs.hosts] == [SIZES, {}]
    assert [json.loads(text)["do"] for name, text in engine.asked if name == "a"][-1] == "sizes"
    engine = FakeEngine({"a": "a:1", "b": "b:1"}, give)
    runs = ask(engine, monkeypatch, question=question)
    assert [host.sizes for host in runs.hosts] == [SIZES, SIZES]
    assert [json.loads(text)["do"] for name, text in engine.asked if name == "a"] == ["plan"]
    engine = FakeEngine({"a": "a:1"}, give)
    assert ask(engine, monkeypatch).hosts[0].sizes == {}


def test_a_block_whose_worker_dies_is_repeated_and_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(engine: FakeEngine) -> None:
        del engine.addresses["a"]

    def back(engine: FakeEngine) -> None:
        engine.addresses["a"] = "9"

    engine = FakeEngine({"a": "1", "b": "2"}, give, {2.5: die, 8.0: back})
    said: list[str] = []
    runs = ask(engine, monkeypatch, said)
    assert [len(host.outcomes) for host in runs.hosts] == [8, 8]
    assert [host.repeated for host in runs.hosts] == [1, 0]
    assert sum(answer.cancelled for answer in engine.answers) == 1
    assert said == ["a: its worker is gone; what it was asked for is asked again when it is back"]


def test_an_answer_that_is_lost_on_its_way_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = [True]

    def forgets(name: str, request: Mapping[str, Any]) -> str:
        if request["do"] == "block" and name == "a" and lost:
            lost.clear()
            raise AnswerLostError
        return give(name, request)

    runs = ask(FakeEngine({"a": "1", "b": "2"}, forgets), monkeypatch)
    assert [(host.repeated, len(host.outcomes)) for host in runs.hosts] == [(1, 8), (0, 8)]


def test_a_scheduler_that_is_lost_and_back_costs_the_blocks_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lose(engine: FakeEngine) -> None:
        engine.is_lost = True

    def find(engine: FakeEngine) -> None:
        engine.is_lost = False
        engine.addresses = {"a": "5", "b": "6"}

    runs = ask(FakeEngine({"a": "1", "b": "2"}, give, {3.5: lose, 9.0: find}), monkeypatch)
    assert [(host.repeated, len(host.outcomes)) for host in runs.hosts] == [(1, 8), (1, 8)]


def test_a_host_that_stays_away_is_named_and_the_same_command_asks_it_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def die(engine: FakeEngine) -> None:
        del engine.addresses["a"]

    engine = FakeEngine({"a": "1", "b": "2"}, give, {3.5: die})
    runs = ask(engine, monkeypatch)
    gone, whole = runs.hosts
    assert gone.failure == ("nothing came from it for 30 s: its worker is gone, or cut off")
    assert len(gone.outcomes) == 4 and gone.blocks == (1, 3) and len(whole.outcomes) == 8
    assert engine.now > 30
    # still away: what is saved is reported
    runs = ask(FakeEngine({"b": "2"}, give), monkeypatch)
    assert [(h.failure, len(h.outcomes)) for h in runs.hosts] == [
        ("it has no worker now", 4),
        ("", 8),
    ]
    engine = FakeEngine({"a": "1", "b": "2"}, give)
    said: list[str] = []
    runs = ask(engine, monkeypatch, said)
    assert [len(host.outcomes) for host in runs.hosts] == [8, 8]
    assert [name for name, text in engine.asked if json.loads(text)["do"] == "block"] == ["a", "a"]
    assert "12 of 16 runs are taken from" in said[0]
    assert not list((tmp_path / "tracer").iterdir()), "a complete one leaves no file"


def test_a_host_that_is_slow_is_told_from_one_that_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = FakeEngine({"a": "1", "b": "2"}, give)
    original = engine.submit

    def slow(address: str, request: str) -> Pending:
        made = original(address, request)
        if address == "1" and json.loads(request)["do"] == "block":
            engine.answers[-1].at = 1e9
        return made

    engine.submit = slow  # type: ignore[method-assign]
    runs = ask(engine, monkeypatch)
    assert "it is slow, or another worker measures there" in runs.hosts[0].failure
    assert len(runs.hosts[1].outcomes) == 8
    assert sum(answer.cancelled for answer in engine.answers) == 1


def test_a_host_that_refuses_is_named_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(name: str, request: Mapping[str, Any]) -> str:
        if name == "b":
            raise TracerError("loading BPF programs needs root's rights", "sudo tracer worker")
        return give(name, request)

    runs = ask(FakeEngine({"a": "1", "b": "2"}, refuses), monkeypatch)
    assert [len(host.outcomes) for host in runs.hosts] == [8, 0]
    why = "loading BPF programs needs root's rights (sudo tracer worker)"
    assert runs.hosts[1].failure == why and runs.hosts[1].planned is None
    with pytest.raises(TracerError, match="no host gave a result: b: loading BPF"):
        ask(FakeEngine({"b": "2"}, refuses), monkeypatch, fresh=True)


def test_a_host_that_was_changed_is_not_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_engine: FakeEngine) -> None:
        raise Interrupted(2)

    runs = ask(FakeEngine({"a": "1", "b": "2"}, give, {3.5: stop}), monkeypatch)
    assert runs.interrupted == 2 and [len(host.outcomes) for host in runs.hosts] == [4, 4]

    def other(name: str, request: Mapping[str, Any]) -> str:
        return give(name, request, "6.19" if name == "a" else "6.18")

    runs = ask(FakeEngine({"a": "1", "b": "2"}, other), monkeypatch)
    assert "kernel: 6.18 against 6.19" in runs.hosts[0].failure
    assert "--fresh" in runs.hosts[0].failure
    assert len(runs.hosts[1].outcomes) == 8


def test_another_version_is_refused_by_name() -> None:
    reply = json.loads(remote.answer(json.dumps({"version": "9.9", "do": "plan"})))
    assert reply["error"] == f"tracer {__version__} runs there, and tracer 9.9 asks"


# ---- security ----


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.1:8786", "tcp://127.0.0.1:8786"), ("localhost:1", "tcp://localhost:1"),
     ("tcp://[::1]:8786", "tcp://[::1]:8786")],
)  # fmt: skip
def test_this_machine_needs_no_certificate(address: str, host: str) -> None:
    assert checked_address(address, None) == host


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("192.0.2.7:8786", "off this machine and without TLS"),
        ("tcp://192.0.2.7:8786", "off this machine and without TLS"),
        ("tcp://0.0.0.0:8786", "off this machine and without TLS"),
        ("tcp://no-such-host.invalid:8786", "off this machine and without TLS"),
        ("tls://192.0.2.7:8786", "asks for TLS, and no certificate is given"),
        ("tls://127.0.0.1:8786", "asks for TLS, and no certificate is given"),
        ("here", "is not the address of a scheduler"),
        ("ucx://127.0.0.1:1", "is not the address of a scheduler"),
        ("127.0.0.1:x", "is not the address of a scheduler"),
    ],
)
def test_off_this_machine_certificates_are_required(address: str, message: str) -> None:
    with pytest.raises(TracerError, match=message) as refused:
        checked_address(address, None)
    assert refused.value.exit_code == 2 and refused.value.hint


def test_with_certificates_any_address_is_allowed_and_tcp_is_not() -> None:
    assert checked_address("192.0.2.7:8786", "/etc/x") == "tls://192.0.2.7:8786"
    with pytest.raises(TracerError, match="without TLS"):
        checked_address("tcp://127.0.0.1:8786", "/etc/x")


def test_what_is_loopback() -> None:
    assert is_loopback("127.0.0.9") and is_loopback("localhost") and is_loopback("[::1]")
    assert not is_loopback("0.0.0.0") and not is_loopback("192.0.2.1")


def test_files_that_are_no_certificates_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(TracerError, match=r"ca\.pem is missing"):
        security(str(tmp_path))
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("x")
    with pytest.raises(TracerError, match="these files are no certificate with its key"):
        security(str(tmp_path))
