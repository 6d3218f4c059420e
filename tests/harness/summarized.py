"""A small run as a Summary, every number made up."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.profiled import PROFILE, WALL
from tracer.analysis.run.allowed import Allowed
from tracer.analysis.run.concurrency import Asleep, Concurrent, LookShare
from tracer.analysis.run.counts import GroupRow, Switches, ThreadRow
from tracer.analysis.run.estimate import Estimate
from tracer.analysis.run.kernel_time import KernelTime
from tracer.analysis.run.ledger import Headline, Ledger
from tracer.analysis.run.sampled import sampled
from tracer.analysis.run.summary import CommandLine, HostSummary, Summary, TargetSummary
from tracer.analysis.where.profile import where
from tracer.kernel.settings import SAMPLE_GROUPS
from tracer.model import states
from tracer.model.histogram import BUCKETS, Histogram
from tracer.model.recording import HostLoad, PathThread, Process
from tracer.model.sampled import Sampled
from tracer.model.syscalls import TABLE_LENGTH, numbers
from tracer.probes.sched import SchedRecord
from tracer.probes.syscalls import CallRecord

RUSAGE = (
    *("user_ns", "system_ns", "max_rss_bytes", "minor_faults", "major_faults"),
    *("voluntary", "involuntary"),
)


def histogram(count: int) -> Histogram:
    """So many times 7 ns."""
    buckets = np.zeros(BUCKETS, dtype=np.int64)
    buckets[7] = count
    return Histogram(buckets, 7 * count, 7 if count else 0)


def planted_target(**changes: Any) -> TargetSummary:
    """A workload that was free to move."""
    values: dict[str, Any] = {
        "kind": "workload",
        "name": "thread-brigade",
        "transport": "socketpair",
        "argv": ("program", "--tasks", "3"),
        "cpus": (),
        "command_line": CommandLine("tracer run thread-brigade"),
        "processes": (),
        "survivors": (),
        "path_thread": None,
    }
    return TargetSummary(**{**values, **changes})


def planted_host(**changes: Any) -> HostSummary:
    """A quiet host of two CPUs on which the cost of a switch cannot be measured."""
    values: dict[str, Any] = {
        "kernel": "6.18.5-x",
        "machine": "x86_64",
        "online_cpus": (0, 1),
        "load": HostLoad(0, 10),
        "switch_cost_ns": None,
        "unavailable": ("sched_exit_tp",),
        "fingerprint": {"kernel": "6.18.5"},
    }
    return HostSummary(**{**values, **changes})


def planted_result() -> dict[str, Any]:
    """What the workload said of itself: 3 tasks x 2 iterations."""
    return {
        "tasks": 3,
        "iterations": 2,
        "warmups": 1,
        "unit": "hop",
        "units": 6,
        "mean_ns": 49.5,
        "stddev_ns": 0.4,
        "min_ns": 49,
        "p50_ns": 49,
        "p99_ns": 50,
        "max_ns": 50,
        "ns_per_unit": 16.5,
        "rusage": dict.fromkeys(RUSAGE, 1),
    }


def planted_concurrency(**changes: Any) -> Concurrent:
    """9 threads in 200 looks, with a name that would move the cursor."""
    values: dict[str, Any] = {
        "looks": 200,
        "interval_ns": 10_000_000,
        "threads": 9.0,
        "running": 0.42,
        "ready": 0.055,
        "all_asleep": LookShare(0.62, 0.034),
        "none_ran": LookShare(0.03, 0.012),
        "ran": (LookShare(0.28, 0.03), LookShare(0.07, 0.02)),
        "asleep": (
            Asleep("worker-*", "epoll_wait", "poll", 7.5, 8.0),
            Asleep("m\x1b", "fdatasync", "io", 0.2, 0.3),
            Asleep("x", None, "stopped", 0.001, 0.001),
        ),
    }
    return Concurrent(**{**values, **changes})


def planted_summary(**changes: Any) -> Summary:
    """A traced run of 6 hops in 100 ns."""
    behind = dict.fromkeys(states.BEHIND, 1)
    wall = dict.fromkeys((part for part in states.PATH_PARTS if part != "unknown"), 5)
    own = (p for p in states.OWN_PARTS if p not in ("sleep", "timed_wait", "external", "unknown"))
    cpu = ("target_user", *(f"target_{p}" for p in states.SYSCALL_PARTS))
    cpu += ("target_kernel_workers", "other", "idle", "offline")
    row = ThreadRow(12, "a\x1b", dict.fromkeys(states.OWN_PARTS, 1), behind, 1, 2, 3)
    values: dict[str, Any] = {
        "target": planted_target(),
        "host": planted_host(),
        "unit": "hop",
        "units": 6,
        "window_ns": 100,
        "exit_status": 0,
        "interrupted": None,
        "closed_late": False,
        "light": False,
        "result": planted_result(),
        "wall": Ledger(100, wall),
        "threads": Ledger(100, dict.fromkeys(own, 1)),
        "cpu": Ledger(10, dict.fromkeys(cpu, 1)),
        "headline": Headline(0.1, 0.2, 0.3, 0.1, 0.2, 0.1, 0.5, 3),
        "switches": Switches(1, 2, 3),
        "wakeups": dict.fromkeys(("total", *states.WAKEUP_KINDS, "pending"), 1),
        "outside_wakers": dict.fromkeys(states.SOURCES[1:], 0),
        "sched": SchedRecord(
            woke={kind: histogram(n) for n, kind in enumerate(states.WAKEUP_KINDS)},
            preempted=histogram(0),
            slice=histogram(2),
            handed={kind: histogram(1) for kind in states.WAITS},
        ),
        "syscalls": (CallRecord("read", "io", {"EAGAIN": 1}, 5, histogram(3)),),
        "open_calls": {"read": 2},
        "losses": dict.fromkeys((*states.LOSSES, "recursion"), 0),
        "repairs": dict.fromkeys(states.REPAIRS, 0),
        "behind": behind,
        "awaited": {**dict.fromkeys(states.AWAITED, 0), "timer": 5, "timed_wait": 5, "other": 5},
        "allowed": Allowed((0, 1), (0, 1), 3),
        "kernel_time": KernelTime(None, 0, None, None, None, "less than 10 clock ticks"),
        "top": (row,),
        "rest": ThreadRow(0, "2 others", row.parts, behind, 0, 0, 0),
    }
    return Summary(**{**values, **changes})


def planted_sampled(seen: bool = True) -> dict[str, Any]:
    """Of a run with --sample 1/8 that made 800 calls. A quarter of its time and 100 calls of two
    names were `seen`, one of them with its times; or nothing."""
    ns = np.zeros((SAMPLE_GROUPS, len(states.ON_CPU_PARTS)), np.int64)
    calls = np.zeros((SAMPLE_GROUPS, TABLE_LENGTH), np.int64)
    if seen:
        ns[:4, :2] = [[6, 4], [5, 5], [6, 4], [7, 3]]
        calls[:4, [numbers("x86_64")[name] for name in ("read", "getppid")]] = [15, 10]
    found = Sampled(8, ns, calls, 800 - int(calls.sum()), ns.sum(axis=0))
    return sampled(found, 160, 80, [CallRecord("read", "io", {}, 5, histogram(60))])


def planted_summaries() -> dict[str, Summary]:
    """One of each kind of run."""
    unsplit = Headline(None, 0.2, None, None, 0.2, 0, 0.6, 0)
    behind = dict.fromkeys(states.BEHIND, 1)
    groups = (GroupRow("w-*", 3, 1, 5, dict.fromkeys(states.OWN_PARTS, 1), behind, 1, 2, 3),)
    return {
        "all": planted_summary(),
        "no probes": planted_summary(sched=None, wakeups=None, syscalls=None, top=(), rest=None),
        "light": planted_summary(light=True, headline=unsplit),
        "sampled": planted_summary(sampled=planted_sampled(), headline=unsplit, syscalls=None),
        "nothing seen": planted_summary(
            sampled=planted_sampled(seen=False), headline=unsplit, syscalls=None
        ),
        "whole": planted_summary(concurrency=planted_concurrency()),
        "profiled": planted_summary(where=where(PROFILE, WALL)),
        "pinned": planted_summary(
            target=planted_target(cpus=(1,)),
            host=planted_host(switch_cost_ns=900),
            exit_status=None,
        ),
        "partial": planted_summary(interrupted=2, units=None, result={}),
        "command": planted_summary(
            target=planted_target(
                kind="command",
                name="make -j2",
                command_line=CommandLine("tracer run", "-- make -j2"),
                survivors=(Process(7, 3, "a\x1b", True),),
            ),
            units=None,
            estimate=Estimate(10, 100, 10, 20, 3),
            groups=groups,
        ),
        "attach": planted_summary(
            target=planted_target(
                kind="attach",
                name="a",
                argv=(),
                command_line=CommandLine("tracer attach 7"),
                processes=(Process(7, 3, "a"),),
                path_thread=PathThread(7, "a", 5),
            ),
            units=None,
            result={},
            exit_status=None,
            groups=groups,
            concurrency=planted_concurrency(),
        ),
    }
