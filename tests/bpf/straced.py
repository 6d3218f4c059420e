"""What strace saw of the same run: the second source for the counts of system calls.

strace stops a thread before its sys_enter and after its sys_exit, so its stops lie outside the
calls that the probes time. It runs below tracer's gate as the target, and the program as its
child; the window is between the program's own `begin` and `end` in the log.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_LINE = re.compile(r"^(?P<tid>\d+) +(?P<text>.*)$")
_UNFINISHED = re.compile(r"^(?P<name>\w+)\((?P<text>.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^<\.\.\. (?P<name>\w+) resumed>(?P<text>.*)$")
_WHOLE = re.compile(r"^(?P<name>\w+)\((?P<text>.*)$")
_RESULT = re.compile(r"\) += (?P<value>-?\d+|\?)(?: (?P<error>E\w+|\(Timeout\)))?")


@dataclass(frozen=True)
class Call:
    """One call that returned in the window; `error` is its errno's name, or `(Timeout)`."""

    name: str
    arguments: str
    value: int
    error: str


def command(log: Path, calls: Sequence[str], program: Sequence[str]) -> tuple[str, ...]:
    """The program under strace, which writes these calls and the control messages to `log`."""
    if shutil.which("strace") is None:
        say = pytest.fail if os.environ.get("TRACER_FORCE_BPF") == "1" else pytest.skip
        say("strace is missing: make test installs it")
    # `?`: an older strace may lack a name
    traced = ",".join(f"?{name}" for name in dict.fromkeys([*calls, "read", *_SAYS]))
    return ("strace", "-f", "-qq", "-o", str(log), "-e", f"trace={traced}", *program)


#: With what the native programs, and others, write control messages.
_SAYS = ("sendmsg", "write", "sendto")


def window(log: Path) -> list[Call]:
    """The calls that returned between the return of the read of `go` and the write of `end`."""
    calls: list[Call] = []
    open_calls: dict[str, str] = {}
    begun = is_open = False
    for line in log.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if not match:
            continue
        tid, text = match["tid"], match["text"]
        if text.startswith(_SAYS) and '"end ' in text:
            return calls
        if unfinished := _UNFINISHED.match(text):
            open_calls[tid] = unfinished["text"]
            begun = begun or '"begin ' in text
            continue
        if resumed := _RESUMED.match(text):
            name, rest = resumed["name"], open_calls.pop(tid, "") + resumed["text"]
        elif whole := _WHOLE.match(text):
            name, rest = whole["name"], whole["text"]
        else:
            continue
        begun = begun or (name in _SAYS and '"begin ' in rest)
        results = list(_RESULT.finditer(rest))  # the last one: arguments may contain `) = `
        if not results or results[-1]["value"] == "?":
            continue
        result = results[-1]
        if is_open:
            calls.append(
                Call(name, rest[: result.start()], int(result["value"]), result["error"] or "")
            )
        elif begun and name == "read" and '"go\\n"' in rest:
            is_open = True
    raise AssertionError(f"no window in {log}")


def count(calls: Iterable[Call], name: str, error: str | None = None) -> int:
    """How many calls have this name, and this error (None: any or none)."""
    return sum(c.name == name and error in (None, c.error) for c in calls)


def by_name(calls: Iterable[Call]) -> Counter[str]:
    return Counter(call.name for call in calls)
