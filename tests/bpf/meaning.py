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


def is_disturbed(document: Mapping[str, Any]) -> bool:
    steal_ns = document["host"]["steal_ns"]
    return bool(sum(document["repairs"].values())) or steal_ns > 0.01 * document["window_ns"]


def near(found_ns: float, planted_ns: float, share: float = 0.03, slack_ns: float = MS) -> bool:
    """Within that share or that slack of what was planted."""
    return abs(found_ns - planted_ns) <= max(share * planted_ns, slack_ns)


def path(document: Mapping[str, Any]) -> dict[str, int]:
    """The critical path by state, in ns."""
    return dict(document["ledgers"]["wall"]["parts"])


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
