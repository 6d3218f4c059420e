"""`tracer attach`: running programs are watched, counted, and left as they are."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from processes import loaded_programs
from programs import ROOT, TRACER, assert_books_close, near, need, start

from tracer.host.cpus import online_cpus

SCHEMA = json.loads((ROOT / "docs" / "schema" / "tracer.run-2.json").read_text())

#: For each line it calls getppid 500 times and sleeps 20 times; prints its context switches.
WORKER = """
import os, resource, sys, threading, time
def pool(): event.wait()
event = threading.Event()
for n in range(3): threading.Thread(target=pool, name=f'pool-{n}', daemon=True).start()
print('ready', flush=True)
while True:
    line = os.read(0, 100)
    if not line: os._exit(3)
    if line == b'fork\\n':
        pid = os.fork()
        if not pid:
            for _ in range(700): os.getppid()
            os._exit(0)
        os.waitpid(pid, 0)
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(500): os.getppid()
    for _ in range(20): time.sleep(0.001)
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(after.ru_nvcsw - before.ru_nvcsw + after.ru_nivcsw - before.ru_nivcsw, flush=True)
"""


class Worker:
    """The program above and its answers."""

    def __init__(self, *prefix: str, script: str = "") -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, *([script] if script else ["-c", WORKER])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def work(self, word: str = "work") -> int:
        """One round of work; how many context switches the program counted in it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(10) == 3, "it ends by itself, as it always does"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.kill()


def attach(*words: str) -> subprocess.Popen[str]:
    """tracer, once it is attached."""
    running = start("attach", *words)
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("tracer: attached to "):
            return running
    raise AssertionError(running.communicate())


def report(file: Path) -> Any:
    document = json.loads(file.read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def counted(document: Any) -> dict[str, int]:
    return {call["name"]: call["calls"] for call in document["syscalls"] or ()}


def test_calls_and_switches_of_a_running_program(tmp_path, worker):
    file = tmp_path / "report.json"
    worker.work()
    running = attach(str(worker.pid), "--path-of", "main", "--top", "9", "--json", str(file))
    inside = [worker.work() for _ in range(4)]
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    document = report(file)
    if running.returncode:  # the host hid the wake-up that the path goes through
        assert running.returncode == 3 and any(document["repairs"].values()), err
    else:
        assert_books_close(document)
    assert counted(document)["getppid"] == 4 * 500
    assert counted(document)["clock_nanosleep"] == 4 * 20
    assert counted(document)["read"] == 4, "the first one was open when tracer came"
    switches = document["sched"]["switches"]
    total = switches["voluntary"] + switches["involuntary"]
    assert sum(inside) <= total <= sum(inside) + 4 * 3, "plus those of reading the next line"
    assert document["target"]["kind"] == "attach"
    assert document["target"]["path_of"]["tid"] == worker.pid
    assert document["target"]["processes"] == [
        {"pid": worker.pid, "own_pid": worker.pid, "name": document["target"]["name"]}
    ]
    main, pool = document["thread_groups"]
    assert (main["threads"], main["idle"]) == (1, 0)
    assert (pool["name"], pool["threads"], pool["idle"]) == ("pool-*", 3, 3), "it never ran"
    assert document["observer"]["estimate"]["events"] > 2 * 4 * 520
    assert "watched for " in out and "an estimate: " in out
    worker.work()
    worker.end()


def test_a_fork_after_attach_belongs_to_the_target_unless_no_follow(tmp_path, worker):
    for options, expected in (((), 1200), (("--no-follow",), 500)):
        file = tmp_path / "report.json"
        running = attach(str(worker.pid), *options, "--json", str(file))
        worker.work("fork")
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
        assert counted(report(file))["getppid"] == expected
    worker.end()


def test_it_ends_with_the_last_process(tmp_path, worker):
    file = tmp_path / "report.json"
    running = attach(str(worker.pid), "--json", str(file))
    worker.work()
    worker.end()
    out, _err = running.communicate(timeout=30)
    assert running.returncode == 0
    assert_books_close(report(file))
    assert "accounted " in out


def assert_windows_close(documents: list[Any]) -> None:
    """Nothing is lost, and the time of threads and CPUs is whole, but for switches that this
    machine hid. The path of a short window may end in a sleep of which nobody knows the end."""
    for document in documents:
        hidden_ns = 10_000_000 * sum(document["repairs"].values())
        assert document["losses"]["total"] == 0
        for name in ("threads", "cpu"):
            book = document["ledgers"][name]
            assert abs(book["residual_ns"]) <= 0.01 * book["total_ns"] + hidden_ns, name


def test_a_report_for_every_interval(tmp_path, worker):
    file = tmp_path / "reports.jsonl"
    running = attach(str(worker.pid), "--interval", "0.4", "--json", str(file))
    rounds = 0
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        worker.work()
        rounds += 1
    running.send_signal(signal.SIGINT)
    out, _err = running.communicate(timeout=30)
    documents = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(documents) == out.count("watched for ") >= 3
    assert max(len(text.splitlines()) for text in out.split("\n\n")) <= 12
    assert len({document["window_ns"] for document in documents}) > 1
    for document in documents:
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert_windows_close(documents)
    # one window begins where the other ends, and nothing is unseen between them
    for name, each in (("getppid", 500), ("clock_nanosleep", 20)):
        assert sum(counted(document).get(name, 0) for document in documents) == rounds * each
    for document in documents:
        assert document["ledgers"]["threads"]["total_ns"] == 4 * document["window_ns"]


def test_intervals_of_4000_threads(tmp_path):
    """Each sleeps 0.4 to 0.6 s at a time; short windows, which all begin and end in such sleeps."""
    program = tmp_path / "program"
    source = r"""
    #include <pthread.h>
    #include <time.h>
    #include <unistd.h>
    static void *work(void *number)
    {
        struct timespec time = {0, 400000000 + (long)number % 97 * 2000000};
        for (;;) nanosleep(&time, 0);
    }
    int main(void)
    {
        pthread_attr_t small;
        pthread_t thread;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 65536);
        for (long n = 0; n < 4000; n++)
            if (pthread_create(&thread, &small, work, (void *)n)) return 1;
        if (write(1, "\n", 1) != 1) return 1;
        pause();
    }
    """
    subprocess.run(
        ["cc", "-pthread", "-x", "c", "-", "-o", str(program)], input=source, text=True, check=True
    )
    file = tmp_path / "reports.jsonl"
    with subprocess.Popen([str(program)], stdout=subprocess.PIPE) as target:
        try:
            assert target.stdout is not None
            target.stdout.readline()
            started(str(target.pid), "--interval", "0.25", "--duration", "2.5", "--json", str(file))
        finally:
            target.kill()
    documents = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(documents) >= 4  # of 10, on a host where each comes late
    assert_windows_close(documents)
    for document in documents:
        threads = document["ledgers"]["threads"]
        assert threads["total_ns"] == 4001 * document["window_ns"]
        assert near(sum(threads["parts"].values()), threads["total_ns"])
        assert abs(document["ledgers"]["cpu"]["residual_ns"]) <= 1e-3 * document["window_ns"]


#: Threads that live for some ms and wait for a lock: some begin while a window's tables are copied.
SHORT_LIVED = """
import threading, time
lock = threading.Lock()
def work():
    for _ in range(3):
        with lock: time.sleep(0.0005)
print('ready', flush=True)
while True:
    threads = [threading.Thread(target=work) for _ in range(20)]
    for one in threads: one.start()
    for one in threads: one.join()
"""


@pytest.mark.parametrize("more", [(), ("--probe", "+stacks", "--all-threads")])
def test_intervals_of_threads_that_come_and_go(tmp_path, more):
    file = tmp_path / "reports.jsonl"
    with subprocess.Popen([sys.executable, "-c", SHORT_LIVED], stdout=subprocess.PIPE) as target:
        try:
            assert target.stdout is not None
            target.stdout.readline()
            words = ("--interval", "0.2", "--duration", "4", "--json", str(file), *more)
            running = attach(str(target.pid), *words)
            _out, err = running.communicate(timeout=120)
        finally:
            target.kill()
    assert running.returncode in (0, 3), err
    documents = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(documents) >= 3 and all(document["futex"]["locks"] for document in documents[1:-1])
    assert all(document["losses"]["total"] == 0 for document in documents)
    assert all(group["name"] for document in documents for group in document["thread_groups"])


def test_light(tmp_path, worker):
    file = tmp_path / "report.json"
    running = attach(str(worker.pid), "--light", "--json", str(file))
    inside = worker.work()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    document = report(file)
    assert_books_close(document)
    assert document["headline"]["io"] is None and document["syscalls"] is None
    switches = document["sched"]["switches"]
    assert inside <= switches["voluntary"] + switches["involuntary"] <= inside + 3


def test_a_program_that_computes_is_unknown_only_until_it_is_seen(tmp_path):
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        file = tmp_path / "report.json"
        running = attach(str(spinner.pid), "--duration", "1", "--json", str(file))
        running.communicate(timeout=30)
        document = report(file)
        assert running.returncode == (3 if document["doubts"] else 0)
        wall = document["ledgers"]["wall"]
        assert wall["total_ns"] == document["window_ns"]
        # it makes no call: it runs, which has no name yet, or waits for a CPU
        named = wall["parts"]["preempted"] + wall["parts"]["wakeup:queued"]
        assert near(named + wall["residual_ns"] + wall["parts"]["user"], wall["total_ns"])
    finally:
        spinner.kill()
        spinner.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_however_tracer_ends_the_target_goes_on(number, worker):
    before = loaded_programs()
    running = attach(str(worker.pid))
    assert loaded_programs() - before
    running.send_signal(number)
    out, _err = running.communicate(timeout=30)
    assert running.returncode == (-9 if number == signal.SIGKILL else 143)
    assert ("watched for " in out) == (number == signal.SIGTERM)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline and loaded_programs() - before:
        time.sleep(0.01)
    assert not loaded_programs() - before
    worker.work()
    worker.end()


def test_what_cannot_be_attached_to_is_an_error():
    kernel_thread = 2
    exited = subprocess.Popen(["true"])
    time.sleep(0.2)  # a zombie until it is waited for
    thread = re.compile(r"is a thread of the process (\d+)")
    cases = {
        (str(kernel_thread),): "is a thread of the kernel",
        ("4194303",): "there is no process 4194303",
        (str(exited.pid),): "has ended already",
        (): "name processes",
        ("--cgroup", "/nonexistent/group"): "there is no control group",
        ("--cgroup", ""): "--cgroup names no control group",
        ("1", "--path-of", "me"): "is not a thread's number",
        ("1", "--path-of", "\N{SUPERSCRIPT TWO}"): "is not a thread's number",
        (str(os.getpid()), "--path-of", "1"): "--path-of 1: these processes have no such thread",
    }
    for words, message in cases.items():
        done = subprocess.run(
            [*TRACER, "attach", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2, words
        assert message in done.stderr and "Traceback" not in done.stderr
    exited.wait()
    import threading

    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    done = subprocess.run(
        [*TRACER, "attach", str(other.native_id)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    stop.set()
    other.join()
    assert done.returncode == 2 and thread.search(done.stderr)


def test_a_process_that_exits_at_once():
    short = subprocess.Popen(["sleep", "0.6"])
    done = subprocess.run(
        [*TRACER, "attach", str(short.pid)],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    short.wait()
    if done.returncode == 2:  # it had ended before tracer came to it
        assert re.search("has ended already|there is no process", done.stderr)
    else:
        assert done.returncode == 0, done.stderr
        assert "watched for " in done.stdout


def started(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TRACER, "attach", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, **more,
    )  # fmt: skip


def test_the_end_with_a_process_that_was_forked_meanwhile(tmp_path):
    """tracer sees that a little later; the window and the CPUs' ledger end with the process."""
    target = subprocess.Popen(["sh", "-c", "sleep 1.6; sleep 0.4 & exit 0"])
    file = tmp_path / "report.json"
    done = started(str(target.pid), "--json", str(file))
    target.wait()
    assert done.returncode == 0, done.stderr
    document = report(file)
    assert_books_close(document)
    assert f"process {target.pid} (sh)" in done.stdout


def test_intervals_end_with_the_last_process(tmp_path):
    code = "import threading, time\nfor n in range(100):"
    code += " threading.Thread(target=time.sleep, args=(5,)).start()"
    target = subprocess.Popen([sys.executable, "-c", code])
    time.sleep(0.3)
    file = tmp_path / "reports.jsonl"
    done = started(str(target.pid), "--interval", "0.03", "--json", str(file))
    target.wait()
    documents = [json.loads(line) for line in file.read_text().splitlines()]
    assert_windows_close(documents)
    assert done.returncode in (0, 3)
    assert done.stdout.count("accounted ") > 3


def test_the_path_of_main_goes_on_after_its_end():
    first, second = subprocess.Popen(["sleep", "3"]), subprocess.Popen(["sleep", "4"])
    done = started(str(first.pid), str(second.pid), "--path-of", "main", "--interval", "0.6")
    assert done.returncode == 0, done.stderr
    assert f"(path of {second.pid} (sleep))" in done.stdout


def test_a_process_whose_first_thread_has_ended(tmp_path):
    program = tmp_path / "program"
    source = """
    #include <pthread.h>
    #include <unistd.h>
    static void *work(void *arg) { for (int n = 0; n < 300; n++) usleep(10000); return arg; }
    int main(void)
    {
        pthread_t thread;
        pthread_create(&thread, 0, work, 0);
        pthread_exit(0);
    }
    """
    subprocess.run(
        ["cc", "-pthread", "-x", "c", "-", "-o", str(program)], input=source, text=True, check=True
    )
    target = subprocess.Popen([str(program)])
    time.sleep(0.2)
    file = tmp_path / "report.json"
    done = started(str(target.pid), "--duration", "0.5", "--json", str(file))
    target.kill()
    target.wait()
    assert done.returncode == 0, done.stderr
    assert 20 < counted(report(file))["clock_nanosleep"] <= 52


def test_more_processes_than_descriptors(tmp_path):
    """1,100 processes with 1,024 open files allowed: attach, and the SIGTERM of a command."""
    code = "import os, time\nfor n in range(1100):\n    if not os.fork(): break\ntime.sleep(30)"
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))}
    target = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        time.sleep(1)
        done = started(str(target.pid), "--duration", "0.3", **limit)
        assert done.returncode == 0, done.stderr
        assert "of 1101 processes" in done.stderr
    finally:
        os.killpg(target.pid, signal.SIGKILL)
        target.wait()
    running = start("run", "--", sys.executable, "-c", "print(flush=True);" + code, **limit)
    assert running.stdout is not None
    running.stdout.readline()
    time.sleep(1.5)
    running.send_signal(signal.SIGTERM)
    _out, err = running.communicate(timeout=60)
    assert running.returncode == 143
    assert "PARTIAL: tracer was ended by SIGTERM" in err


def test_ones_own_shell(tmp_path):
    """tracer is a child of the shell that it watches, and is no part of the target."""
    line = f'"{sys.executable}" -m tracer attach $$ --duration 0.5; echo after'
    done = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout.endswith("after\n"), done.stderr
    assert "(bash)" in done.stdout


def test_by_name(tmp_path):
    """A script's name, which two run at first, then one: the other is not traced."""
    script = tmp_path / f"served-{os.getpid()}.py"
    script.write_text(WORKER)
    first, second = (Worker(script=str(script)) for _ in range(2))
    try:
        many = started(script.name)
        assert many.returncode == 2
        lines = many.stderr.splitlines()
        assert lines[0] == f"tracer: 2 programs called {script.name} run:"
        assert {int(line.split()[0]) for line in lines[3:5]} == {first.pid, second.pid}
        assert f"tracer attach {first.pid}" in lines[5]
        second.end()
        file = tmp_path / "report.json"
        running = attach(script.name, "--json", str(file))
        first.work()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
        assert counted(report(file))["getppid"] == 500
        assert [p["pid"] for p in report(file)["target"]["processes"]] == [first.pid]
        none = started(f"{script.name}x")
        assert none.returncode == 2 and "no program called" in none.stderr
    finally:
        for one in (first, second):
            one.process.kill()
            one.process.wait()


# ---- containers ----


def test_a_process_in_its_own_pid_namespace_has_both_numbers(tmp_path):
    inside = Worker("unshare", "--pid", "--fork", "--kill-child")
    try:
        children = Path(f"/proc/{inside.pid}/task/{inside.pid}/children").read_text().split()
        (pid,) = map(int, children)
        file = tmp_path / "report.json"
        running = attach(str(pid), "--json", str(file))
        inside.work()
        running.send_signal(signal.SIGINT)
        out, _err = running.communicate(timeout=30)
        document = report(file)
        assert counted(document)["getppid"] == 500
        assert [(p["pid"], p["own_pid"]) for p in document["target"]["processes"]] == [(pid, 1)]
        assert document["thread_groups"][-1]["name"] == "pool-*", "by the numbers of the host"
        assert f"{pid} (" in out and ", 1 in its container)" in out
    finally:
        inside.process.kill()
        inside.process.wait()


@pytest.mark.vm
def test_cpus_outside_tracers_own_affinity_are_visited(engine):
    """As isolated ones are, where the target may run all the same."""
    allowed = os.sched_getaffinity(0)
    engine.arrays.reset()
    try:
        os.sched_setaffinity(0, {min(allowed)})
        engine.attach()
        assert engine.visit() == set(online_cpus())
        assert os.sched_getaffinity(0) == {min(allowed)}
    finally:
        engine.detach()
        os.sched_setaffinity(0, allowed)


def groups_there_are() -> list[Path]:
    """Where a control group can be made here: version 2, and each hierarchy of version 1."""
    root = Path("/sys/fs/cgroup")
    hierarchies = [root, *sorted(root.iterdir())] if root.is_dir() else []
    return [d for d in hierarchies if (d / "cgroup.procs").is_file() and os.access(d, os.W_OK)]


def test_all_processes_of_a_control_group(tmp_path):
    """One that is in it, one of a group below, and one that joins later."""
    made = []
    for base in groups_there_are():
        group = base / f"tracer-test-{os.getpid()}"
        try:
            (group / "below").mkdir(parents=True)
        except OSError:
            continue
        made.append(group)
    if not made:
        pytest.fail("no control group can be made here")
    try:
        for group in made[:2]:
            # where controllers are on, the kernel lets no process back into a group above (EBUSY):
            # each group has workers of its own, which end in it
            several = [Worker() for _ in range(3)]
            try:
                check_group(group, several, tmp_path / "report.json", short=group is made[0])
            finally:
                for one in several:
                    one.kill()
    finally:
        for group in made:
            (group / "below").rmdir()
            group.rmdir()


def test_control_groups_of_a_host_with_version_2_alone():
    """The test above again in a mount namespace in which /sys/fs/cgroup is that of version 2, and
    its controllers are on: no group with others below it may have processes then."""
    need("unshare")
    script = """
        umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit
        before=$(cat /sys/fs/cgroup/cgroup.subtree_control)
        for one in $(cat /sys/fs/cgroup/cgroup.controllers); do
            case " $before " in *" $one "*) continue ;; esac
            echo +$one >/sys/fs/cgroup/cgroup.subtree_control && on="$on $one"
        done
        "$@"
        status=$?
        for one in $on; do echo -$one >/sys/fs/cgroup/cgroup.subtree_control; done
        exit $status"""
    test = f"{Path(__file__).relative_to(ROOT)}::test_all_processes_of_a_control_group"
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, *words],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "1 passed" in done.stdout


def check_group(group: Path, several: list[Worker], file: Path, short: bool) -> None:
    (group / "cgroup.procs").write_text(str(several[0].pid))
    (group / "below" / "cgroup.procs").write_text(str(several[1].pid))
    name = str(group.relative_to("/sys/fs/cgroup")) if short else str(group)
    running = attach("--cgroup", name, "--json", str(file))
    assert several[0].work() and several[1].work()
    (group / "cgroup.procs").write_text(str(several[2].pid))
    time.sleep(1.5)
    several[2].work()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    document = report(file)
    assert_books_close(document)
    assert counted(document)["getppid"] == 1500
    pids = {process["pid"] for process in document["target"]["processes"]}
    assert pids == {w.pid for w in several}


@pytest.mark.vm
def test_a_container_and_a_unit_by_their_groups(tmp_path):
    """Groups as docker and systemd make them, made by hand in the real tree."""
    identity = f"{os.getpid():064x}"[::-1]
    names = {
        "--container": (f"system.slice/docker-{identity}.scope", identity[:12]),
        "--unit": (f"tracer-test.slice/tracer-{os.getpid()}.service", f"tracer-{os.getpid()}"),
    }
    base = next(iter(groups_there_are()))
    for option, (path, named) in names.items():
        group = base / path
        above = [d for d in group.parents if d.is_relative_to(base) and not d.exists()]
        group.mkdir(parents=True)
        worker = Worker()
        try:
            (group / "cgroup.procs").write_text(str(worker.pid))
            file = tmp_path / "report.json"
            running = attach(option, named, "--json", str(file))
            worker.work()
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=30)
            assert counted(report(file))["getppid"] == 500
            worker.end()
        finally:
            worker.kill()
            for directory in (group, *above):
                directory.rmdir()
