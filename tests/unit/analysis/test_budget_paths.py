"""What a budget may name is known before a run; a shell completes it."""

from __future__ import annotations

from typing import Any

import pytest
from harness.summarized import planted_summaries

from tracer import probes
from tracer.analysis.run import budget
from tracer.analysis.run.budget_paths import paths, require
from tracer.analysis.run.document import document
from tracer.errors import TracerError

SUMMARIES = planted_summaries()


def refusal(path: str, *, left_out: str = "", no_units: str = "", off: str = "") -> TracerError:
    chosen = [name for name in probes.names() if name != off]
    with pytest.raises(TracerError) as caught:
        require([budget.parse(f"{path}<=1")], chosen, left_out, no_units)
    assert caught.value.exit_code == 2
    return caught.value


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("sched.swtches.per_unit", "sched has no 'swtches'", "did you mean 'switches'?"),
        ("nothing", "the report has no 'nothing'", "it has: schema, "),
        ("sched.switches", "is no number in a report", "it has: voluntary, involuntary"),
        ("target.name", "is no number in a report", "a shell completes them"),
        ("window_ns.more", "window_ns has no 'more'", "end the path before it"),
        (
            "syscalls.recvform.calls",
            "there is no system call 'recvform'",
            "did you mean 'recvfrom'?",
        ),
        ("syscalls.recvfrom.cals", "syscalls.recvfrom has no 'cals'", "did you mean 'calls'?"),
        ("ledgers.wall.parts.usr", "ledgers.wall.parts has no 'usr'", "did you mean 'user'?"),
    ],
)
def test_a_path_that_no_report_has(path: str, message: str, hint: str) -> None:
    error = refusal(path)
    assert error.message.endswith(message) and hint in error.hint


def test_what_this_run_will_not_have() -> None:
    error = refusal("idle.path.delivery", off="idle")
    assert "the probe idle is off" in error.message and error.hint == "add --probe +idle"
    assert refusal("where.points", off="stacks").hint == "add --probe +stacks"
    assert refusal("headline.io", left_out="--sample").hint == "leave out --sample"
    assert refusal("syscalls.read.calls", left_out="--light").hint == "leave out --light"
    assert refusal("sched.switches.per_unit", no_units="--units N").hint == "--units N"


@pytest.mark.parametrize(
    "path",
    ["headline.io", "syscalls.fsync.calls", "syscalls.fsync.errors.EIO",
     "syscalls.syscall_999.calls", "idle.cpus.1.reschedule_interrupts", "threads.w.voluntary",
     "losses.by_kind.recursion",
     "ledgers.wall.parts.wakeup:idle", "concurrency.all_asleep.share", "result.extra.switches"],
)  # fmt: skip
def test_a_path_that_a_report_can_have(path: str) -> None:
    require([budget.parse(f"{path}<=1")], probes.names())


def _numbers(value: Any, path: str = "") -> list[str]:
    """The paths of all numbers of a document that a budget can name."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [path]
    below = budget._members(value)
    return [
        found
        for name, member in below.items()
        if name != "None" and "." not in name and " " not in name
        for found in _numbers(member, f"{path}.{name}" if path else name)
    ]


@pytest.mark.parametrize("kind", SUMMARIES)
def test_every_number_of_a_report_is_a_path(kind: str) -> None:
    found = _numbers(document(SUMMARIES[kind]))
    assert len(found) > 50
    for path in found:
        require([budget.parse(f"{path}<=1")], probes.names())


def test_completion_lists_whole_paths() -> None:
    assert paths("headline.") == [
        f"headline.{part}" for part in ("io", "switching", "system", "user", "waiting")
    ]
    assert "ledgers.wall.parts.wakeup:idle" in paths("ledgers.wall.p")
    assert "syscalls.recvfrom.per_unit" in paths("syscalls.recv")
    assert paths("nothing") == []
    assert not [path for path in paths("") if path.startswith("syscalls.")]
    for path in paths(""):
        require([budget.parse(f"{path}<=1")], probes.names())
