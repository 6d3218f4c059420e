"""Probe idle against the books, cpuidle's own counters, /proc/interrupts, and a polling host."""

import contextlib
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import RELEASE, engine_with
from quiet import wait_until_idle

from tracer import probes
from tracer.analysis.run import counts, ledger
from tracer.analysis.run.summary import summarize
from tracer.capture.workload import run_traced
from tracer.kernel.btf import Btf
from tracer.kernel.engine import Engine
from tracer.model.probe import Context
from tracer.model.recording import Recording
from tracer.model.spec import Spec
from tracer.model.states import BETWEEN_IDLE_STATES
from tracer.probes import idle
from tracer.report.run import text

PROBES = ("idle", "sched", "syscalls")
PROGRAM = str(RELEASE / "thread-brigade")
SIZE = ("--tasks", "100", "--iters", "60", "--warmups", "10")
#: Wake-ups of a run, entries of a window: fewer are not compared.
ENOUGH = 100
#: How long a test waits for a host on which CPUs are idle.
PATIENCE_S = 40
CPUIDLE = Path("/sys/devices/system/cpu/cpuidle/current_driver")


engine = engine_with(PROBES)


def run(engine: Engine) -> Recording:
    """A run in which CPUs were idle: on a host busy with other work it is repeated."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        share = wait_until_idle(deadline_s)
        recording = run_traced(engine, Spec((PROGRAM, *SIZE)))
        if sum(w.whole.count for w in recording.probes["idle"].wakes) >= ENOUGH:
            return recording
        if time.monotonic() > deadline_s:
            pytest.skip(f"for {PATIENCE_S} s other work kept this host busy: idle {share:.0%}")


def test_the_parts_sum_to_what_they_split(engine):
    recording = run(engine)
    record: idle.IdleRecord = recording.probes["idle"]
    assert counts.losses(recording) == dict.fromkeys(counts.losses(recording), 0)
    assert sum(record.path.values()) == ledger.wall(recording).parts["wakeup:idle"]
    # the probe sched measured the same wake-ups, as a whole
    whole = recording.probes["sched"].woke["cross_cpu_idle"]
    assert sum(w.whole.count for w in record.wakes) == whole.count
    assert sum(w.whole.sum_ns for w in record.wakes) == whole.sum_ns
    for w in record.wakes:
        assert sum(times.sum_ns for times in w.parts.values()) == w.whole.sum_ns
        assert sum(w.sent.values()) == w.whole.count
        assert all(times.count == w.whole.count for times in w.parts.values())
    assert sum(w.not_enqueued for w in record.wakes) <= 0.01 * whole.count


def test_residency_is_the_cpu_ledgers_idle_time(engine):
    """At most that, and at least half: the idle task also works on its way in and out."""
    recording = run(engine)
    stays = sum(sum(c.residency_ns.values()) for c in recording.probes["idle"].cpus)
    assert 0.5 * ledger.cpu(recording).parts["idle"] <= stays
    assert stays <= ledger.cpu(recording).parts["idle"]


def test_light_splits_as_well_but_does_not_time_the_sender():
    engine = Engine(PROBES, light=True)
    try:
        recording = run(engine)
    finally:
        engine.close()
    record: idle.IdleRecord = recording.probes["idle"]
    assert sum(record.path.values()) == ledger.wall(recording).parts["wakeup:idle"]
    assert sum(w.sent["call_function"] + w.sent["flag"] for w in record.wakes) > 0
    assert set(record.held.values()) == {None}


def test_the_path_in_the_report_has_the_parts(engine):
    recording = run(engine)
    summary = summarize(recording, name="thread-brigade", transport="socketpair", unit="hop")
    lines = text.render(summary).splitlines()
    at = next(i for i, line in enumerate(lines) if "woken, but the CPU was asleep" in line)
    values = [float(line.split()[-3].lstrip("<")) for line in lines[at : at + 4]]
    assert all(line.startswith("    ") for line in lines[at + 1 : at + 4])
    assert abs(values[0] - sum(values[1:])) <= 0.2  # each is rounded to 0.1 us
    assert max(map(len, lines)) <= 100


# ---- against the kernel's own counters ----


def usage() -> dict[tuple[int, str], int]:
    """Times each CPU was in each state, from cpuidle."""
    return {
        (cpu, (state / "name").read_text().strip()): int((state / "usage").read_text())
        for cpu in sorted(os.sched_getaffinity(0))
        for state in Path(f"/sys/devices/system/cpu/cpu{cpu}/cpuidle").glob("state*")
    }


def interrupts() -> dict[tuple[int, str], int]:
    """Interrupts by CPU and kind, from /proc/interrupts."""
    head, *lines = Path("/proc/interrupts").read_text().splitlines()
    cpus = [int(word[3:]) for word in head.split()]
    rows = {words[0]: words[1:] for words in map(str.split, lines)}
    return {
        (cpu, kind): int(n)
        for kind in ("RES", "CAL")
        for cpu, n in zip(cpus, rows[f"{kind}:"], strict=False)
    }


#: Spins on every CPU it may use, and lets everything else go first.
SPINNER = """import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
for cpu in sorted(os.sched_getaffinity(0))[1:]:
    if not os.fork():
        break
while True:
    pass
"""


@pytest.mark.parametrize("spinning", [False, True], ids=["idle", "spinning"])
def test_entries_and_interrupts_against_the_kernels_counters(engine, spinning):
    """Each of ours lies between the kernel's difference just inside the window and just outside.

    The kernel counts a stay when it ends, tracer when it begins: one more or less a CPU. Idle CPUs
    are woken by call-function interrupts, those that spin for others by reschedule interrupts.
    """
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        share = wait_until_idle(deadline_s)
        spinner = subprocess.Popen(
            [sys.executable, "-c", SPINNER if spinning else ""], start_new_session=True
        )
        try:
            compared = compare_counters(engine)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(spinner.pid, signal.SIGKILL)
            spinner.wait()
        if compared["reschedule" if spinning else "entries"] >= ENOUGH:
            return
    pytest.skip(f"for {PATIENCE_S} s other work kept this host busy: idle {share:.0%}")


def compare_counters(engine: Engine) -> dict[str, int]:
    """Compare over one window of 0.5 s; how many entries and interrupts there were.

    Some virtual machines count a few reschedule interrupts (three in half a second, of 20 or
    of 400) without firing their tracepoint; none is counted twice.
    """
    engine.arrays.reset()
    engine.attach()
    busy = subprocess.Popen(
        [PROGRAM, "--tasks", "100", "--iters", "2000000"], stdout=subprocess.DEVNULL
    )
    try:
        time.sleep(0.1)
        outer = [(usage(), interrupts())]
        engine.ctl["start_ns"] = time.monotonic_ns()
        engine.ctl["phase"] = 1
        inner = [(usage(), interrupts())]
        time.sleep(0.5)
        inner.append((usage(), interrupts()))
        engine.ctl["end_ns"] = time.monotonic_ns()
        engine.ctl["phase"] = 2
        outer.append((usage(), interrupts()))
    finally:
        busy.kill()
        busy.wait()
        engine.detach()
    cpus = {cpu: idle.IdleCpu(cpu, {}, {}, 0, 0) for cpu in os.sched_getaffinity(0)}
    cpus |= {c.cpu: c for c in idle.PROBE.read(engine.arrays.snapshot(), Context()).cpus}

    def check(ours: int, which: int, key: tuple[int, str], edge: float) -> None:
        least = inner[1][which][key] - inner[0][which][key]
        most = outer[1][which][key] - outer[0][which][key]
        print(key, f"kernel {least} to {most}, ours {ours}")
        assert least - edge <= ours <= most + edge

    for cpu, state in outer[0][0]:
        check(cpus[cpu].entries.get(state, 0), 0, (cpu, state), 1)
    if not outer[0][0]:
        print("no cpuidle on this host: entries not compared")
    if "reschedule_entry" in engine.tracepoints:
        for cpu in sorted(os.sched_getaffinity(0)):
            least = inner[1][1][cpu, "RES"] - inner[0][1][cpu, "RES"]
            assert cpus[cpu].reschedule <= outer[1][1][cpu, "RES"] - outer[0][1][cpu, "RES"]
            check(cpus[cpu].reschedule, 1, (cpu, "RES"), max(8, 0.02 * least))
            check(cpus[cpu].call_function, 1, (cpu, "CAL"), 0)
    return {
        "entries": sum(sum(c.entries.values()) for c in cpus.values()),
        "reschedule": sum(c.reschedule for c in cpus.values()),
    }


# ---- a host that may not sleep ----


def test_a_host_that_may_not_sleep_is_woken_by_a_flag(engine):
    """/dev/cpu_dma_latency held at 0: cpuidle's governors then choose the polling state."""
    if not CPUIDLE.exists() or CPUIDLE.read_text().strip() == "none":
        pytest.skip("no cpuidle driver: nothing obeys /dev/cpu_dma_latency here")
    sleeping = run(engine)
    with Path("/dev/cpu_dma_latency").open("wb", buffering=0) as held:
        held.write(struct.pack("i", 0))
        polling = run(engine)

    def wakes(recording: Recording) -> dict[bool, int]:
        count = {True: 0, False: 0}
        for w in recording.probes["idle"].wakes:
            if w.state != BETWEEN_IDLE_STATES:
                count[w.polling] += w.whole.count
        return count

    def entries(recording: Recording, polling: bool) -> int:
        return sum(
            n
            for c in recording.probes["idle"].cpus
            for name, n in c.entries.items()
            if (name == "POLL") == polling
        )

    print(wakes(sleeping), wakes(polling))
    assert entries(sleeping, False) > 20 * entries(sleeping, True)
    assert entries(polling, True) > 20 * entries(polling, False)
    assert wakes(sleeping)[False] > 20 * wakes(sleeping)[True]
    assert wakes(polling)[True] > 20 * wakes(polling)[False]
    for w in polling.probes["idle"].wakes:
        if w.polling:
            assert w.sent["flag"] > 0.9 * w.whole.count
    for w in sleeping.probes["idle"].wakes:
        if not w.polling and w.state != BETWEEN_IDLE_STATES:
            assert w.sent["flag"] < 0.1 * w.whole.count


# ---- a kernel that lacks some of it ----


def test_tracepoints_that_a_kernel_lacks_are_named_and_the_rest_works(monkeypatch):
    gone = {"ipi_send_cpu", "call_function_single_entry", "reschedule_entry"}
    known = Btf.load().tracepoints()
    monkeypatch.setattr(Btf, "tracepoints", lambda self: known - gone)
    engine = Engine(PROBES)
    try:
        assert gone <= set(engine.unavailable)
        recording = run(engine)
    finally:
        engine.close()
    record = recording.probes["idle"]
    assert sum(record.path.values()) == ledger.wall(recording).parts["wakeup:idle"]
    assert {w.sent[how] for w in record.wakes for how in ("call_function", "nothing")} == {None}
    assert {c.reschedule for c in record.cpus} == {c.call_function for c in record.cpus} == {None}
    assert sum(w.whole.count for w in record.wakes) > 0
    summary = summarize(recording, name="thread-brigade", transport="socketpair", unit="hop")
    assert f"Not on this kernel: {', '.join(recording.unavailable)}" in text.render(summary)
    assert set(PROBES) <= set(probes.available())
