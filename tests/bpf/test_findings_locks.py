"""Who has the locks that threads wait for, and wakes of many threads, on programs that count."""

import os
import sys
from pathlib import Path

from meaning import told

HERE = Path(__file__).parent / "planted"
CPU = max(os.sched_getaffinity(0))
PROBE = ("--probe", "futex")


def test_the_holder_of_a_mutex_behind_threads_of_better_priority(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("inversion"), str(CPU)), *PROBE, tries=1)
    lock = document["futex"]["locks"][0]
    assert lock["kind"] == "mutex" and lock["longest"]["name"] == "inversion"
    # a request is the wait, and from its end until the thread runs
    assert 0.7 * facts["in_requests_ns"] <= lock["asleep_ns"] <= facts["in_requests_ns"]
    (holder,) = lock["holders"]
    assert holder["name"] == "janitor" and holder["scheduling"]["nice"] == 19
    assert lock["held_ns"] == lock["asleep_ns"]
    assert lock["holder_ready_ns"] >= 0.7 * lock["held_ns"]
    instead = {one["name"]: one["scheduling"]["nice"] for one in lock["instead"]}
    assert instead["batch"] == 0


def test_the_interpreters_lock_has_a_name_and_a_holder(tmp_path):
    program = (sys.executable, str(HERE / "gil_handoff.py"))
    document, facts = told(tmp_path, program, *PROBE, tries=1)
    lock = document["futex"]["locks"][0]
    assert lock["kind"] == "GIL"
    assert lock["holder_ran_ns"] >= 0.5 * lock["held_ns"] > 0
    assert lock["longest"]["asleep_ns"] >= 0.5 * facts["answered_ns"]
    assert lock["longest"]["timed_out"] >= 3, "most of fifty requests; some meet a free lock"
    each_ns = lock["longest"]["timed_ns"] / lock["longest"]["timed_out"]
    assert each_ns >= facts["switch_interval_ns"]


def test_threads_that_are_woken_for_nothing(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("wake_all"),), *PROBE, tries=1)
    word = document["futex"]["broadcasts"][0]
    assert word["woke_more"] == facts["jobs"]
    # one may be woken before it has gone to sleep
    assert 0.95 * facts["returns"] <= word["woken_more"] <= facts["returns"]
    assert word["in_vain"] >= 0.5 * (facts["returns"] - facts["jobs"])
    assert [one["name"] for one in word["waiters"]] == ["pool"]
    assert [one["name"] for one in word["wakers"]] == ["wake_all"]
