"""A summary of a hand-made recording, and the command line that its report repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness.profiled import PROFILE
from harness.recorded import END, Hand
from harness.summarized import planted_host, planted_summary

from tracer.analysis.run.document import document
from tracer.analysis.run.estimate import Load, estimate
from tracer.analysis.run.ledger import Ledger
from tracer.analysis.run.summary import CommandLine, Summary, summarize
from tracer.model.cost import Calibration, Cost, EventCost
from tracer.model.recording import HostLoad, PathThread, Process

COST = Cost(Calibration(EventCost(60, 120), EventCost(100, 200)))


def closed() -> Summary:
    ledger = Ledger(100, {"user": 100})
    return planted_summary(wall=ledger, threads=ledger, cpu=Ledger(100, {"other": 100}))


def test_a_summary_has_the_places_of_a_recording_with_a_profile(hand: Hand) -> None:
    path = {"user": 600, "wakeup:idle": 100, "syscall:io": 290, "sleep": 10}
    hand.thread(1, "RUNNING", END, {"user": 1000}, path=path)
    without = summarize(hand.recording(), name="n", transport="", unit="hop")
    assert without.where is None and "where" not in document(without)
    recording = hand.recording(profile=PROFILE)
    run = summarize(recording, name="n", transport="", unit="hop")
    assert run.where is not None
    by_part = {share.part: share.ns for share in run.where.places}
    assert by_part == path and sum(by_part.values()) == run.window_ns
    listed = document(run)["where"]
    assert sum(place["time_ns"] for place in listed["places"]) == document(run)["window_ns"]


def test_a_summary_takes_over_what_the_recording_has(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 700, "syscall:io": 300}, path={"user": 1000})
    recording = hand.recording(
        argv=("x", "y"), exit_status=3, interrupted=2, closed_late=True, unavailable=("t",),
        result={"units": 4}, load=HostLoad(5, 6), switch_cost_ns=9, events=10, cost=COST,
        processes=(Process(1, 1, "p"),), survivors=(Process(2, 2, "s"),),
        path_thread=PathThread(101, "x", 7),
    )  # fmt: skip
    run = summarize(recording, name="n", transport="pipe", unit="hop", cpus=(1,), kind="attach")
    assert (run.target.kind, run.target.name, run.target.transport) == ("attach", "n", "pipe")
    assert (run.target.argv, run.target.cpus) == (("x", "y"), (1,))
    assert run.target.command_line == CommandLine("tracer run n")
    assert (run.target.processes, run.target.survivors, run.target.path_thread) == (
        recording.processes,
        recording.survivors,
        recording.path_thread,
    )
    assert (run.host.load, run.host.switch_cost_ns, run.host.unavailable) == (
        HostLoad(5, 6),
        9,
        ("t",),
    )
    assert (run.units, run.window_ns, run.per_unit(run.window_ns)) == (4, 1000, 250)
    assert (run.exit_status, run.interrupted, run.closed_late) == (3, 2, True)
    # without counts of calls: events that are no switches and no wake-ups
    cpu = run.cpu
    assert run.estimate == estimate(
        COST, Load(10, 10, 1000, cpu.parts["other"], 1000, cpu.total_ns)
    )
    assert (run.wakeups or {})["total"] == 0
    assert (run.syscalls, run.top, run.rest, run.idle_path) == (None, (), None, None)
    assert [group.threads for group in run.groups] == [1]


def test_a_workload_has_no_groups_and_threads_only_where_they_are_asked_for(hand: Hand) -> None:
    hand.thread(1, "RUNNING", END, {"user": 1000})
    run = summarize(hand.recording(), name="n", transport="", unit="hop", top=1)
    assert (run.groups, run.units, run.estimate) == ((), None, None)
    assert [row.tid for row in run.top] == [101]
    assert run.rest is not None and run.rest.name == "0 others"


@pytest.mark.parametrize(
    "change",
    [
        {"closed_late": True},
        {"losses": {"state_race": 1}},
        {"wall": Ledger(100, {"user": 98})},
        {"threads": Ledger(100, {"user": 102})},
        {"cpu": Ledger(100, {"other": 50})},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_makes_a_run_untrustworthy(change: dict[str, object]) -> None:
    assert closed().is_trusted
    assert not replace(closed(), **change).is_trusted  # type: ignore[arg-type]


def test_shares_of_other_tasks_and_of_the_host() -> None:
    run = planted_summary(
        cpu=Ledger(400, {"other": 60}), host=planted_host(load=HostLoad(steal_ns=20, busy_ns=0))
    )
    assert (run.others_share, run.steal_share) == (0.15, 0.05)
