"""The JSON document of a run: what is written, against its schema, and what is read from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from harness.summarized import histogram, planted_host, planted_summaries, planted_summary

from tracer.analysis.run import reader
from tracer.analysis.run.allowed import Allowed
from tracer.analysis.run.document import SCHEMA, document
from tracer.analysis.run.estimate import Estimate
from tracer.analysis.run.kernel_time import KernelTime
from tracer.analysis.run.ledger import Headline, Ledger
from tracer.analysis.run.observer import Pair, observe
from tracer.errors import TracerError
from tracer.experiment.compare import compare_saved
from tracer.model.recording import HostLoad, Quota
from tracer.model.section import Section
from tracer.model.states import OWN_PARTS, WAKEUP_KINDS
from tracer.model.words import LINES
from tracer.probes.syscalls import CallRecord

FOLDER = Path(__file__).parents[3] / "docs" / "schema"
SAVED = Path(__file__).parents[2] / "data" / "reports" / "tracer.run-1.json"
SUMMARIES = planted_summaries()


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / "tracer.run-2.json").read_text())
    return loaded


# ---- the schema ----


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: str(file.stem))
def test_schemas_are_valid(file: Path) -> None:
    loaded = json.loads(file.read_text())
    jsonschema.Draft202012Validator.check_schema(loaded)
    assert loaded["title"] == file.stem.replace("-", "/")


def test_the_schema_is_the_one_that_documents_name(schema: dict[str, Any]) -> None:
    assert schema["properties"]["schema"]["const"] == SCHEMA == "tracer.run/2"


@pytest.mark.parametrize("kind", SUMMARIES)
def test_schema_describes_what_is_written(schema: dict[str, Any], kind: str) -> None:
    data = document(SUMMARIES[kind])
    assert json.loads(json.dumps(data)) == data
    jsonschema.Draft202012Validator(schema).validate(data)


def test_a_saved_report_of_version_1_is_read() -> None:
    """A report that tracer wrote when its schema was version 1."""
    data = json.loads(SAVED.read_text())
    old = json.loads((FOLDER / "tracer.run-1.json").read_text())
    jsonschema.Draft202012Validator(old).validate(data)
    lines = reader.wall_lines(data)
    assert set(lines) == set(LINES)
    assert sum(lines.values()) == pytest.approx(reader.ns_per_unit(data)) == 14422.598
    assert None not in reader.counts(data).values()


def test_a_saved_report_of_version_1_is_compared_with_one_of_version_2(tmp_path: Path) -> None:
    new = json.loads(SAVED.read_text())
    new["schema"], new["window_ns"] = SCHEMA, 2 * new["window_ns"]
    file = tmp_path / "new.json"
    file.write_text(json.dumps(new))
    comparison = compare_saved(SAVED, file).comparison
    assert comparison is not None
    assert comparison.b_ns == 2 * comparison.a_ns == pytest.approx(2 * 14422.598)
    new["schema"] = "tracer.run/3"
    file.write_text(json.dumps(new))
    with pytest.raises(TracerError, match=r"new\.json is not a report of tracer run"):
        compare_saved(SAVED, file)


def test_a_report_is_not_compared_with_itself(tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_text(SAVED.read_text())
    for other, named in ((SAVED, str(SAVED)), (copy, f"{SAVED}, {copy}")):
        with pytest.raises(TracerError) as refused:
            compare_saved(SAVED, other)
        assert refused.value.message == f"A and B are one and the same report: {named}"
        assert refused.value.exit_code == 2 and "--json B.json" in refused.value.hint


def test_schema_refuses_what_is_not_written(schema: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(schema)
    data = document(planted_summary())
    assert validator.is_valid(data)
    assert not validator.is_valid({**data, "more": 1})
    assert not validator.is_valid({**data, "window_ns": 1.5})
    assert not validator.is_valid({name: v for name, v in data.items() if name != "losses"})
    ledgers = json.loads(json.dumps(data["ledgers"]))
    del ledgers["wall"]["parts"]["sleep"]
    assert not validator.is_valid({**data, "ledgers": ledgers})


# ---- what is written ----


def test_quotas_that_held_the_target_back() -> None:
    quota = Quota(Path("/sys/fs/cgroup/a"), 0.3, 10, 7, 450, 100)
    assert document(planted_summary(host=planted_host(quotas=(quota,))))["host"]["quotas"] == [
        {"group": "/sys/fs/cgroup/a", "cpus": 0.3, "periods": 10, "throttled_periods": 7,
         "throttled_ns": 450, "period_ns": 100}
    ]  # fmt: skip


def test_host_and_target() -> None:
    data = document(SUMMARIES["command"])
    assert data["host"] == {
        "kernel": "6.18.5-x",
        "machine": "x86_64",
        "online_cpus": [0, 1],
        "steal_ns": 0,
        "switch_cost_ns": None,
        "quotas": [],
        "unavailable": ["sched_exit_tp"],
        "fingerprint": {"kernel": "6.18.5"},
    }
    assert data["target"] == {
        "kind": "command",
        "name": "make -j2",
        "argv": ["program", "--tasks", "3"],
        "cpus": [0, 1],
        "exit_status": 0,
        "processes": [],
        "survivors": [{"pid": 7, "own_pid": 3, "name": "a\x1b", "has_own_session": True}],
        "path_of": None,
        "allowed_cpus": {
            "start": [0, 1],
            "end": [0, 1],
            "threads": 3,
            "narrowed": 0,
            "narrowed_to": [],
            "narrowed_ns": None,
        },
    }
    assert document(SUMMARIES["pinned"])["target"]["cpus"] == [1]
    assert document(SUMMARIES["attach"])["target"]["path_of"] == {
        "tid": 7,
        "name": "a",
        "asleep_ns": 5,
    }


def test_the_cpus_that_were_allowed() -> None:
    allowed = Allowed((0, 1), (), 3, 2, (1,), 7)
    assert document(planted_summary(allowed=allowed))["target"]["allowed_cpus"] == {
        "start": [0, 1], "end": None, "threads": 3,
        "narrowed": 2, "narrowed_to": [1], "narrowed_ns": 7,
    }  # fmt: skip


def test_kernel_time_outside_calls(schema: dict[str, Any]) -> None:
    data = document(planted_summary(kernel_time=KernelTime(30, 4, None, 7, 1)))
    assert data["kernel_time"] == {
        "outside_calls_ns": 30, "error_ns": 4, "on_path_ns": None,
        "minor_faults": 7, "major_faults": 1, "why_unknown": None,
    }  # fmt: skip
    jsonschema.Draft202012Validator(schema).validate(data)
    unknown = document(planted_summary())["kernel_time"]
    assert (unknown["outside_calls_ns"], unknown["error_ns"]) == (None, None)
    assert unknown["why_unknown"] == "less than 10 clock ticks"


def test_times_of_the_workload_are_rounded_and_its_counts_are_not() -> None:
    result = {**planted_summary().result, "extra": {"work_ns": 53.6, "load": 0.25}}
    assert document(planted_summary(result=result))["result"] == {
        "tasks": 3,
        "iterations": 2,
        "unit": "hop",
        "units": 6,
        "mean_ns": 50,
        "stddev_ns": 0,
        "min_ns": 49,
        "p50_ns": 49,
        "p99_ns": 50,
        "max_ns": 50,
        "ns_per_unit": 16,
        "extra": {"work_ns": 54, "load": 0.25},
    }


def test_what_an_interrupted_run_did_not_say_is_null() -> None:
    data = document(SUMMARIES["partial"])
    assert data["partial"] is True
    assert set(data["rusage"].values()) == {None}
    assert data["result"]["units"] is None and data["result"]["mean_ns"] is None
    assert data["sched"]["switches"]["per_unit"] is None
    assert data["syscalls"][0]["per_unit"] is None


def test_the_observer_effect_by_pairs_or_as_an_estimate() -> None:
    pairs = observe([Pair(110.4, 100, 0, 0), Pair(220, 200, 0, 0), Pair(360, 300, 0, 0)])
    assert document(planted_summary(observer=pairs))["observer"] == {
        "baseline_ns_per_unit": 200,
        "traced_ns_per_unit": 220,
        "slowdown": {"median": 1.104, "low": 1.1, "high": 1.2, "pairs": 3},
        "estimate": None,
    }
    hardly_ran = planted_summary(estimate=Estimate(10, 12, 12, 20, 3))
    assert document(hardly_ran)["observer"]["estimate"] is None
    assert document(planted_summary(estimate=Estimate(10, 100, 12, 20, 3)))["observer"] == {
        "baseline_ns_per_unit": None,
        "traced_ns_per_unit": None,
        "slowdown": {"median": None, "low": None, "high": None, "pairs": 0},
        "estimate": {
            "events": 10,
            "event_cost_ns": 2,
            "on_cpu_ns": 100,
            "low": 12 / 88,
            "high": 20 / 80,
            "samples": 3,
        },
    }


def test_the_scheduler() -> None:
    sched = document(planted_summary())["sched"]
    assert sched["switches"] == {
        "voluntary": 1, "involuntary": 2, "yielded": 0, "per_unit": 0.5
    }  # fmt: skip
    assert (sched["migrations"], sched["pulled"]) == (3, 0)
    assert sched["wakeups"] == dict.fromkeys(("total", *WAKEUP_KINDS, "pending"), 1)
    assert set(sched["wakeup_latency_ns"]) == set(WAKEUP_KINDS)
    assert sched["wakeup_latency_ns"]["cross_cpu_busy"] == {
        "count": 2, "mean": 7, "p50": 7, "p90": 7, "p99": 7, "max": 7, "buckets": [[7, 2]]
    }  # fmt: skip
    assert sched["preempted_ns"] == {
        "count": 0, "mean": None, "p50": None, "p90": None, "p99": None, "max": None
    }  # fmt: skip
    assert document(SUMMARIES["no probes"])["sched"] is None


def test_system_calls() -> None:
    assert document(planted_summary())["syscalls"] == [
        {
            "name": "read",
            "class": "io",
            "calls": 3,
            "per_unit": 0.5,
            "errors": {"EAGAIN": 1},
            "total_ns": 21,
            "on_cpu_ns": 16,
            "off_cpu_ns": 5,
            "p50_ns": 7,
            "p90_ns": 7,
            "p99_ns": 7,
            "max_ns": 7,
            "bytes": None,
            "events": None,
            "open": 2,
        }
    ]
    # brought up to the window's ends a call's sleep can look longer than the call
    call = CallRecord("read", "io", {}, 50, histogram(3))
    assert document(planted_summary(syscalls=(call,)))["syscalls"][0]["on_cpu_ns"] == 0


def test_ledgers_and_headline() -> None:
    data = document(planted_summary(threads=Ledger(100, {"user": 60, "preempted": 30})))
    assert data["ledgers"]["threads"] == {
        "total_ns": 100,
        "parts": {"user": 60, "preempted": 30},
        "residual_ns": 10,
    }
    assert data["headline"] == {
        "io": 0.1, "switching": 0.2, "user": 0.3, "system": 0.1, "waiting": 0.2
    }  # fmt: skip


def test_threads_and_groups() -> None:
    data = document(SUMMARIES["attach"])
    parts = dict.fromkeys(OWN_PARTS, 1)
    behind = {"behind_own_ns": 1, "behind_other_ns": 1, "held_ns": 2, "throttled_ns": 1}
    assert data["threads"] == [
        {"tid": 12, "name": "a\x1b", "parts": parts, **behind,
         "voluntary": 1, "involuntary": 2, "migrations": 3},
        {"tid": None, "name": "2 others", "parts": parts, **behind,
         "voluntary": 0, "involuntary": 0, "migrations": 0},
    ]  # fmt: skip
    assert data["thread_groups"] == [
        {"name": "w-*", "threads": 3, "idle": 1, "idle_ns": 5, "parts": parts, **behind,
         "voluntary": 1, "involuntary": 2, "migrations": 3},
    ]  # fmt: skip
    assert document(SUMMARIES["no probes"])["threads"] == []


def test_a_probes_section_stands_under_its_name() -> None:
    data = document(planted_summary(sections=(("epoll", Section("title", [], {"waits": 5})),)))
    assert data["epoll"] == {"waits": 5}
    assert data["schema"] == SCHEMA


# ---- what is read ----

WALL = Ledger(
    1000,
    {"user": 300, "syscall:io": 200, "wakeup:idle": 100, "wakeup:queued": 60, "preempted": 40,
     "sleep": 250},
)  # fmt: skip
HEADLINE = Headline(0.18, 0.25, 0.27, 0.0, 0.25, 0.05, 0.45, 50)


def test_lines_of_the_wall_ledger_sum_to_the_window() -> None:
    data = document(planted_summary(window_ns=1000, wall=WALL, headline=HEADLINE, units=10))
    data["result"]["units"] = 10
    lines = reader.wall_lines(data)
    assert lines == pytest.approx(
        {
            "wakeup:idle": 10,
            "wakeup:queued": 6,
            "preempted": 4,
            "yielded": 0,
            "switch": 5,  # what the headline has of switching beyond the three
            "io": 18,
            "user": 27,
            "system": 0,
            "waiting": 25,
            "unknown": 5,
        }
    )
    assert set(lines) == set(LINES)
    assert sum(lines.values()) == pytest.approx(reader.ns_per_unit(data)) == 100


def test_without_units_the_whole_is_one_unit() -> None:
    data = document(SUMMARIES["partial"])
    assert (reader.units(data), reader.ns_per_unit(data)) == (1, 100)


def test_counts_are_per_unit_and_none_where_the_probe_was_off() -> None:
    data = document(planted_summary())
    data["idle"] = {
        "cpus": [
            {"reschedule_interrupts": 1, "call_function_interrupts": 2,
             "states": [{"entries": 4}, {"entries": 5}]},
            {"reschedule_interrupts": 3, "call_function_interrupts": 0, "states": []},
        ]
    }  # fmt: skip
    assert reader.counts(data) == {
        "context switches": 2 / 6,
        "of them involuntary": 1 / 6,
        "wake-ups on the same CPU": 1 / 6,
        "wake-ups to another CPU, idle": 1 / 6,
        "wake-ups to another CPU, busy": 1 / 6,
        "migrations": 3 / 6,
        "interrupts between CPUs": 1.0,
        "entries into idle states": 1.5,
        "system calls": 0.5,
        "EAGAIN": 1 / 6,
    }
    without = reader.counts(document(SUMMARIES["no probes"]))
    assert {name for name, count in without.items() if count is not None} == {
        "context switches",
        "of them involuntary",
    }


def test_shares_of_other_tasks_and_of_the_host() -> None:
    cpu = Ledger(400, {"target_user": 100, "other": 60, "idle": 240})
    data = document(planted_summary(cpu=cpu, host=planted_host(load=HostLoad(20, 0))))
    assert (reader.steal_share(data), reader.others_share(data)) == (0.05, 0.15)


CALLS = (
    CallRecord("recvfrom", "io", {"EAGAIN": 2, "EINTR": 1}, 10, histogram(10)),  # 60 ns on a CPU
    CallRecord("sendto", "io", {}, 0, histogram(3)),
    CallRecord("epoll_wait", "poll", {}, 2, histogram(2)),
)


def test_times_of_calls() -> None:
    data = document(planted_summary(syscalls=CALLS))
    assert reader.call_class_ns(data, "io") == (60 + 21) / 6
    assert reader.call_class_ns(data, "poll") == 12 / 6
    assert reader.failed_calls_ns(data, "io", "EAGAIN") == 2 * 6 / 6
    assert reader.failed_calls_ns(data, "poll", "EAGAIN") == 0
    without = document(SUMMARIES["no probes"])
    assert reader.call_class_ns(without, "io") is None
    assert reader.failed_calls_ns(without, "io", "EAGAIN") is None


def test_wakeups() -> None:
    data = document(planted_summary())
    assert reader.wakeups(data) == data["sched"]["wakeups"]
    assert (reader.crossings(data), reader.pulled(data)) == (2 / 6, 0)
    assert reader.mean_wakeup_ns(data, "cross_cpu_busy") == 7
    assert reader.mean_wakeup_ns(data, "same_cpu") is None, "there was none"
    assert reader.mean_handover_ns(data, "same_cpu") == 7
    without = document(SUMMARIES["no probes"])
    assert reader.wakeups(without) is reader.crossings(without) is reader.pulled(without) is None
    assert reader.mean_wakeup_ns(without, "same_cpu") is None
    assert reader.mean_handover_ns(without, "same_cpu") is None


def test_idle_cpus() -> None:
    data = document(planted_summary())
    assert reader.idle_path_ns(data, "delivery") is None
    assert reader.interrupts_sent(data) is reader.sender_held_ns(data) is None
    held = {"count": 400, "mean": 900}
    data["idle"] = {
        "path": {"delivery": 60, "leaving_idle": 30, "switch_in": 12},
        "wakeups": [{"sent": {"call_function": 4, "reschedule": 2}},
                    {"sent": {"call_function": 0, "reschedule": 3}}],
        "sender_held_ns": {"flag": {"count": 100, "mean": 100}, "call_function": held,
                           "reschedule": {"count": 0, "mean": None}},
    }  # fmt: skip
    assert reader.idle_path_ns(data, "delivery", "leaving_idle") == 15
    assert reader.interrupts_sent(data) == 1.5
    assert reader.sender_held_ns(data) == 400 * 800 / 6
    held["mean"] = 50
    assert reader.sender_held_ns(data) == 0, "never less than nothing"
    held["count"] = 99
    assert reader.sender_held_ns(data) is None, "too few for a mean"
    held["count"] = 0
    assert reader.sender_held_ns(data) == 0
    data["idle"]["sender_held_ns"]["reschedule"] = None
    data["idle"]["wakeups"][1]["sent"]["reschedule"] = None
    assert reader.sender_held_ns(data) is reader.interrupts_sent(data) is None


def test_joint_counts_are_none_in_older_reports_and_need_enough_events() -> None:
    data = document(planted_summary())
    data["sched"]["placed"] = [{"runnable": 1, "same_cpu": 5, "other_cpu": 7}]
    assert reader.placed(data) == [(1, 5, 7)]
    times = {"count": 500, "mean": 4000}
    data["idle"] = {"sleeps": [{"from_ns": 1024, "delivery_ns": {"count": 99, "mean": 9}},
                               {"from_ns": 2048, "delivery_ns": times}]}  # fmt: skip
    assert reader.sleeps(data) == [(2048, 500, 4000)]
    del data["sched"]["placed"], data["idle"]["sleeps"]
    assert reader.placed(data) is reader.sleeps(data) is None


def test_wakeups_that_met_a_sleeping_cpu_and_time_asleep() -> None:
    data = document(planted_summary())
    assert reader.sleeping_wakeups(data) is reader.asleep_share(data) is None
    met = {"whole_ns": {"count": 6}}
    states = [{"name": "POLL", "entries": 1, "residency_ns": 90},
              {"name": "C1", "entries": 1, "residency_ns": data["window_ns"] // 2}]  # fmt: skip
    data["idle"] = {
        "wakeups": [{"state": "C1", "polling": False, **met},
                    {"state": "POLL", "polling": True, **met},
                    {"state": "between states", "polling": False, **met}],
        "cpus": [{"states": states}, {"states": []}],
    }  # fmt: skip
    assert reader.sleeping_wakeups(data) == 1
    assert reader.asleep_share(data) == pytest.approx(0.25, rel=0.05)
    data["idle"]["cpus"] = []
    assert reader.asleep_share(data) is None
