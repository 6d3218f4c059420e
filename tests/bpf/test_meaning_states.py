"""What a thread was doing, against the kernel's own counts and the program's."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PLANTED
from meaning import (
    MS,
    Planted,
    by_whom,
    facts_of,
    kernel_outside_calls_ns,
    kernel_workers_ns,
    near,
    on_cpu,
    others,
    own_threads,
    path,
    row,
    rows_32,
    throttled_ns,
    told,
    waited,
    yielded,
)
from programs import assert_books_close
from programs import near as counted_near
from test_attach import attach, report

CPU = max(os.sched_getaffinity(0))


@pytest.fixture
def background() -> Iterator[list[Planted]]:
    made: list[Planted] = []
    yield made
    for program in made:
        program.end()


def charged(program: Planted, directory: Path, *, of_main: bool) -> tuple[object, float]:
    """The report of attaching for a second; what the kernel charged, scaled to that window."""
    file = directory / "report.json"
    running = attach(str(program.pid), "--duration", "1", "--json", str(file))
    begin, before = time.monotonic_ns(), program.on_cpu_ns(of_main=of_main)
    time.sleep(0.9)
    after, elapsed = program.on_cpu_ns(of_main=of_main), time.monotonic_ns() - begin
    _out, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    document = report(file)
    return document, (after - before) / elapsed * document["window_ns"]


def test_attach_to_a_thread_that_only_computes(tmp_path, compiled, background):
    background.append(Planted(compiled("computing")))
    document, truth = charged(background[0], tmp_path, of_main=True)
    assert near(on_cpu(own_threads(document)), truth, share=0.02)
    for book in ("wall", "threads", "cpu"):
        ledger = document["ledgers"][book]
        assert abs(ledger["residual_ns"]) <= 0.01 * ledger["total_ns"], book


def test_a_thread_that_yields_is_not_pushed_off(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("yielding"),))
    truth = document["rusage"]["involuntary"]
    assert row(document, "sched_yield")["calls"] == facts["yields"]
    assert counted_near(document["sched"]["switches"]["involuntary"], truth, slack=20)
    assert yielded(document) >= 0.95 * truth
    parts = own_threads(document)
    assert parts["preempted"] <= 0.05 * parts["yielded"]


@pytest.fixture
def quota() -> Iterator[Path]:
    """A control group that may use 30 ms in each 100 ms."""
    root = Path("/sys/fs/cgroup")
    is_second = (root / "cgroup.controllers").exists()
    group = (root if is_second else root / "cpu") / f"tracer-test-{os.getpid()}"
    try:
        group.mkdir()
        if is_second:
            (group / "cpu.max").write_text("30000 100000")
        else:
            (group / "cpu.cfs_period_us").write_text("100000")
            (group / "cpu.cfs_quota_us").write_text("30000")
    except OSError as error:
        pytest.skip(f"no control group with a quota can be made here: {error}")
    try:
        yield group
    finally:
        group.rmdir()


def kernel_throttled_ns(group: Path) -> int:
    stat = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    assert int(stat["nr_throttled"]) >= 3
    return int(
        stat["throttled_time"] if "throttled_time" in stat else stat["throttled_usec"] + "000"
    )


def test_a_quota_holds_threads_back_while_cpus_are_idle(tmp_path, compiled, quota):
    enter = f"echo $$ > {quota}/cgroup.procs && exec {compiled('burst')}"
    document, facts = told(tmp_path, ("sh", "-c", enter), tries=1)
    split = by_whom(document)
    # the rest is behind what else runs: the host is never quite quiet
    assert split["held_ns"] >= 0.75 * (facts["in_requests_ns"] - facts["cpu_ns"])
    assert split["held_ns"] >= 0.75 * sum(split.values())
    # but for those who were woken while their group was held back
    assert document["ledgers"]["wall"]["throttled_ns"] >= 0.75 * split["held_ns"]
    assert near(throttled_ns(document), kernel_throttled_ns(quota), share=0.02)


def test_threads_that_wait_behind_their_own(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("inversion"), str(CPU)))
    split = by_whom(document)
    assert split["behind_own_ns"] >= 0.8 * facts["in_requests_ns"]
    assert split["behind_own_ns"] >= 0.8 * sum(split.values()), "the host is never quite quiet"


def test_a_thread_that_waits_behind_another_program(tmp_path, compiled, background):
    background.append(Planted("taskset", "-c", str(CPU), compiled("computing")))
    command = ("taskset", "-c", str(CPU), str(PLANTED), "compute", "200")
    document, _facts = told(tmp_path, command, tries=1)
    delayed = path(document)["preempted"] + path(document)["wakeup:queued"]
    assert delayed >= 100 * MS
    split = by_whom(document)
    assert split["behind_other_ns"] >= 0.97 * delayed
    assert 0.85 * delayed <= others(document)["computing"] <= 1.03 * delayed


def test_the_kernels_time_outside_of_calls_is_not_own_code(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("page_faults"),))
    truth = facts["system_ns"] - facts["in_calls_ns"]
    assert truth >= 10 * facts["user_ns"] or truth >= 100 * MS
    assert near(kernel_outside_calls_ns(document), truth, share=0.1)


def test_a_kernel_thread_of_the_target_is_charged_to_it(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("submission_thread"),))
    assert near(kernel_workers_ns(document), facts["workers_ns"], share=0.05)
    assert path(document)["user"] <= 0.03 * document["window_ns"]


def test_attach_to_a_program_with_a_kernel_thread(tmp_path, compiled, background):
    background.append(Planted(compiled("submission_thread"), "60000"))
    document, truth = charged(background[0], tmp_path, of_main=False)
    assert_books_close(document)
    assert near(kernel_workers_ns(document), truth, share=0.05)


def test_calls_denied_by_a_filter_have_a_row(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("denied"),))
    assert facts["denied"] == 1000
    assert document["losses"]["total"] == 0
    denied = row(document, "getppid")
    assert (denied["calls"], denied["errors"]) == (1000, {"EPERM": 1000})


def test_a_resumed_sleep_is_still_a_sleep(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("stopped_sleep"),))
    parts = own_threads(document)
    asleep = facts["elapsed_ns"] - parts["blocked:stopped"] + 200 * MS  # and the child's
    assert near(parts["blocked:stopped"], 100 * MS, slack_ns=5 * MS)
    assert near(parts["blocked:sleep"], asleep)
    assert parts["blocked:other"] <= MS


def test_calls_by_the_32_bit_gate_have_their_own_names(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("compat_calls"),))
    names = {call["name"] for call in document["syscalls"]}
    assert not names & {"writev", "sync"}
    assert row(document, "getpid")["calls"] >= 1000
    assert sum(call["calls"] for call in rows_32(document, "getpid")) == 2000
    (slept,) = rows_32(document, "nanosleep")
    assert (slept["calls"], slept["class"]) == (20, "sleep")
    assert near(waited(document), facts["slept_ns"])
    assert near(own_threads(document)["blocked:sleep"], facts["slept_ns"])


def test_a_poll_begun_before_the_window_is_neither_at_once_nor_empty(
    tmp_path, compiled, background
):
    background.append(Planted(compiled("early_poll")))
    file = tmp_path / "report.json"
    pid = str(background[0].pid)
    running = attach(pid, "--probe", "all", "--json", str(file))
    time.sleep(0.2)
    background[0].stdin.write("x")
    background[0].stdin.flush()
    assert facts_of(background[0].out.readline()) == {"events": 1}
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    (poll,) = report(file)["epoll"]["calls"]
    assert (poll["calls"], poll["events"], poll["time_outs"]) == (1, 1, 0)
    assert (poll["at_once_ns"]["count"], poll["empty"]) == (0, 0)


def test_voluntary_switches_as_getrusage_counts_them(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("joined"),))
    truth = document["rusage"]
    found = document["sched"]["switches"]["voluntary"]
    assert 1000 < facts["voluntary"] <= found <= truth["voluntary"] <= facts["voluntary"] + 3


def test_two_programs_on_the_only_cpu_that_they_are_allowed(tmp_path):
    both = f"{PLANTED} compute 150 & {PLANTED} compute 150; wait"
    document, _facts = told(tmp_path, ("taskset", "-c", str(CPU), "sh", "-c", both), tries=1)
    online, window_ns = document["host"]["online_cpus"], document["window_ns"]
    if len(online) == 1:
        pytest.skip("this host has one CPU")
    number = document["target"]["allowed_cpus"]
    assert number["narrowed"] == number["threads"] and number["narrowed_to"] == [CPU]
    ledgers = document["ledgers"]
    behind_ns = ledgers["wall"]["behind_own_ns"]
    assert behind_ns >= 0.1 * window_ns, "each has half of the CPU or less"
    # the other CPUs are idle unless the host is busy
    idle_ns = ledgers["cpu"]["parts"]["idle"]
    fires = min(behind_ns, idle_ns) >= 0.1 * window_ns
    found = {one["id"]: one for one in document["findings"]}
    assert ("confined" in found) == fires
    assert ledgers["wall"]["not_allowed_ns"] <= min(
        idle_ns, behind_ns + ledgers["wall"]["behind_other_ns"]
    )
    if len(online) == 2:  # that one CPU's idle time and the waits overlap by this at least
        least_ns = behind_ns + idle_ns - 1.2 * window_ns  # less what the allowed one was idle
        assert ledgers["wall"]["not_allowed_ns"] >= least_ns
