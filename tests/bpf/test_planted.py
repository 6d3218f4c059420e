"""Programs with known answers: each line of the path within 3 % or 1 ms."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import check_books, stolen_ms

from tracer.analysis.run import counts, ledger
from tracer.model.recording import Recording

CPU = max(os.sched_getaffinity(0))
MS = 1_000_000
_PARTS_ON_CPU = ("user", "syscall:other", "syscall:process")


class Path(dict[str, float]):
    """The critical path in ms by part, with what the host took meanwhile."""

    stolen_ms = 0.0


def path_ms(recording: Recording) -> Path:
    path = Path({name: ns / MS for name, ns in ledger.wall(recording).parts.items()})
    path.stolen_ms = stolen_ms(recording)
    return path


def near(found_ms: float, planted_ms: float, extra_ms: float = 0.0) -> bool:
    """Within 3 % or 1 ms of the planted time; up to `extra_ms` above it."""
    margin = max(0.03 * planted_ms, 1.0)
    return -margin <= found_ms - planted_ms <= margin + extra_ms


def computed(path: Path) -> float:
    """Own code with the clock reads that time it."""
    return sum(path[name] for name in _PARTS_ON_CPU)


def delays(path: Path) -> float:
    return sum(path[name] for name in ("wakeup:idle", "wakeup:queued", "preempted"))


def test_a_sleep_then_compute(planted):
    recording = planted("sleep-then-compute", "200", "100")
    check_books(recording)
    path = path_ms(recording)
    assert near(path["sleep"], 200, path.stolen_ms)
    assert near(computed(path), 100, path.stolen_ms)
    assert path["external"] < 1


def test_only_the_longer_chain_is_on_the_path(planted):
    recording = planted("two-chains", "50", "50")
    check_books(recording)
    path = path_ms(recording)
    assert near(computed(path), 150, path.stolen_ms)
    assert near(sum(path.values()), 150 + delays(path), path.stolen_ms)


def test_a_spinner_of_another_process_is_never_own_code(planted):
    spin = f"import os\nos.sched_setaffinity(0, {{{CPU}}})\nwhile True: pass"
    spinner = subprocess.Popen([sys.executable, "-c", spin])
    try:
        time.sleep(0.3)
        recording = planted("compute", "200", cpus=(CPU,))
    finally:
        spinner.kill()
        spinner.wait()
    check_books(recording)
    path = path_ms(recording)
    assert near(computed(path), 200, path.stolen_ms)
    assert path["preempted"] + path["wakeup:queued"] > 100
    assert near(
        path["preempted"] + path["wakeup:queued"], recording.window_ns / MS - 200, path.stolen_ms
    )


def test_woken_from_outside_is_external(planted):
    # a process of its own writes a byte to the program's standard input every 300 ms
    code = "import time\nwhile True: time.sleep(0.3); print('x', end='', flush=True)"
    saved = os.dup(0)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        os.dup2(writer.stdout.fileno(), 0)
        try:
            recording = planted("external-wake", "50")
        finally:
            writer.kill()
            os.dup2(saved, 0)
            os.close(saved)
    check_books(recording)
    path = path_ms(recording)
    assert near(computed(path), 50, path.stolen_ms)
    assert path["external"] > 0
    assert near(path["external"], recording.window_ns / MS - 50 - delays(path), path.stolen_ms)
    assert counts.outside_wakers(recording)["other_process"] >= 1


@pytest.mark.parametrize("kind", ["futex", "pipe", "eventfd-epoll", "signal", "condvar", "tcp"])
def test_every_mechanism_hands_the_path_over(planted, kind):
    recording = planted("handover", kind, "60", "40")
    check_books(recording)
    path = path_ms(recording)
    assert near(computed(path), 100, path.stolen_ms + 0.5)
    assert path["external"] + path["sleep"] < 1


def test_exec_by_a_thread_that_is_not_the_leader(planted):
    recording = planted("exec-non-leader", "60")
    check_books(recording)
    path = path_ms(recording)
    assert near(path["user"], 60, path.stolen_ms + 3)  # and the new image's start


def test_a_thread_created_in_the_window(planted):
    recording = planted("thread-in-window", "30", "60")
    check_books(recording)
    path = path_ms(recording)
    assert near(computed(path), 90, path.stolen_ms)


def test_a_forked_child(planted):
    recording = planted("fork-child", "50")
    check_books(recording)
    path = path_ms(recording)
    assert near(computed(path), 50, path.stolen_ms + 1)


def test_a_timer_sleep(planted):
    recording = planted("timer-sleep", "20", "50")
    check_books(recording)
    path = path_ms(recording)
    assert near(path["sleep"], 100, path.stolen_ms)
    assert near(computed(path), 50, path.stolen_ms)


def test_stopped_and_continued_from_outside(planted, engine):
    over = threading.Event()

    def cont() -> None:
        while not over.is_set():
            tgid = int(engine.ctl["window_tgid"])
            try:
                state = pathlib.Path(f"/proc/{tgid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                state = ""
            if tgid and state == "T":
                time.sleep(0.1)
                os.kill(tgid, signal.SIGCONT)
            time.sleep(0.002)

    helper = threading.Thread(target=cont)
    helper.start()
    recording = planted("stopped", "40", "40")
    over.set()
    helper.join()
    check_books(recording)
    path = path_ms(recording)
    assert near(computed(path), 80, path.stolen_ms)
    assert path["external"] > 95
    own = ledger.threads(recording).parts
    assert own["blocked:stopped"] > 95 * MS


def test_wake_ups_for_nothing_stay_on_the_path(planted):
    recording = planted("spurious", "60", "10", "20")
    check_books(recording)
    path = path_ms(recording)
    assert near(computed(path), 80, path.stolen_ms + 1.5)


def test_broadcast_to_32_threads(planted):
    recording = planted("broadcast-futex", "20", "1")
    check_books(recording)
    assert counts.losses(recording)["state_race"] == 0
