"""What a planted program says that it did, and the report's words for it.

Each function below that reads a report is the one place that knows where the JSON has that figure.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import programs
from quiet import wait_until_idle

MS = 1_000_000
Facts = dict[str, int]


def facts_of(text: str) -> Facts:
    """The figures of a planted program: lines of `name value`, several to a line too."""
    return {name: int(value) for name, value in re.findall(r"\b(\w+) (\d+)\b", text)}


def told(
    directory: Path, command: Sequence[str], *options: str, tries: int = 5
) -> tuple[Any, Facts]:
    """The JSON report of `tracer run options -- command`, and what the program says.

    Repeated, `tries` times in all, where the host hid switches or took the CPU for over 1 %. It
    waits for a quiet host, 10 s in all; a single try is made at once.
    """
    deadline = time.monotonic() + 10
    for _ in range(tries):
        if tries > 1:
            wait_until_idle(deadline)
        file = directory / "report.json"
        done = subprocess.run(
            [*programs.TRACER, "run", "--json", str(file), *options, "--", *command],
            cwd=programs.ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        document = json.loads(file.read_text())
        if not is_disturbed(document):
            break
    return document, facts_of(done.stdout)


class Planted:
    """A planted program in the background, once it has printed `ready`."""

    def __init__(self, *words: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
        self.pid = self.process.pid
        assert self.process.stdout is not None and self.process.stdin is not None
        self.out, self.stdin = self.process.stdout, self.process.stdin
        assert self.out.readline() == "ready 1\n"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def on_cpu_ns(self, *, of_main: bool = True) -> int:
        """What the kernel charged the main thread, or all the others, so far."""
        return sum(
            int((task / "schedstat").read_text().split()[0])
            for task in Path(f"/proc/{self.pid}/task").iterdir()
            if (task.name == str(self.pid)) == of_main
        )


def is_disturbed(document: Mapping[str, Any]) -> bool:
    """Events were hidden, or something else than another planted program took the CPUs."""
    steal_ns = document["host"]["steal_ns"]
    foreign_ns = sum(ns for name, ns in others(document).items() if name != "computing")
    repairs = sum(document["repairs"].values())
    return bool(repairs) or max(steal_ns, foreign_ns) > 0.01 * document["window_ns"]


def near(found_ns: float, planted_ns: float, share: float = 0.03, slack_ns: float = MS) -> bool:
    """Within that share or that slack of what was planted."""
    return abs(found_ns - planted_ns) <= max(share * planted_ns, slack_ns)


def path(document: Mapping[str, Any]) -> dict[str, int]:
    """The critical path by state, in ns."""
    return dict(document["ledgers"]["wall"]["parts"])


def own_threads(document: Mapping[str, Any]) -> dict[str, int]:
    """The threads' lifetimes by state, in ns."""
    return dict(document["ledgers"]["threads"]["parts"])


def on_cpu(parts: Mapping[str, int]) -> int:
    return sum(ns for name, ns in parts.items() if name.split(":")[0] in ("user", "syscall"))


def delayed(document: Mapping[str, Any]) -> int:
    """The path's time in which a thread of the target was ready and had no CPU."""
    parts = path(document)
    return sum(parts[name] for name in ("wakeup:idle", "wakeup:queued", "preempted", "yielded"))


def working(document: Mapping[str, Any]) -> int:
    """The path's time in which a thread of the target worked, or was ready to."""
    return on_cpu(path(document)) + delayed(document)


def waited(document: Mapping[str, Any]) -> int:
    """The path's waiting: for time, for something outside, or a wait that ended by its time-out."""
    parts = path(document)
    return sum(parts.get(name, 0) for name in ("sleep", "timed_wait", "external"))


def row(document: Mapping[str, Any], name: str) -> Any:
    """The system call of that name, as the 64-bit table has it."""
    return next(call for call in document["syscalls"] if call["name"] == name)


def rows_32(document: Mapping[str, Any], name: str) -> list[Any]:
    """The rows of calls of that name through the 32-bit gate."""
    return [call for call in document["syscalls"] if call["name"] == f"i386 {name}"]


def yielded(document: Mapping[str, Any]) -> int:
    """Switches by which a thread gave its CPU away with sched_yield."""
    return int(document["sched"]["switches"]["yielded"])


def by_whom(document: Mapping[str, Any]) -> dict[str, int]:
    """The path's time in a queue: `behind_own_ns`, `behind_other_ns`, `held_ns`."""
    ledger = document["ledgers"]["wall"]
    return {name: ledger[name] for name in ("behind_own_ns", "behind_other_ns", "held_ns")}


def throttled_ns(document: Mapping[str, Any]) -> int:
    """What the kernel's cpu.stat counted for the target's control groups in the window."""
    return sum(quota["throttled_ns"] for quota in document["host"]["quotas"])


def others(document: Mapping[str, Any]) -> dict[str, int]:
    """The largest programs outside the target: ns on CPUs by name."""
    return {other["name"]: other["ns"] for other in document["others"]}


def kernel_workers_ns(document: Mapping[str, Any]) -> int:
    """On-CPU time of the kernel's threads that work for the target."""
    return own_threads(document)["kernel_workers"]


def kernel_outside_calls_ns(document: Mapping[str, Any]) -> int:
    """The kernel's time outside of calls (page faults and the like), an estimate."""
    return int(document["kernel_time"]["outside_calls_ns"])
