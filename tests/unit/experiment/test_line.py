"""Workload lines: what they say, what is chosen for what they leave out, what is refused."""

from __future__ import annotations

import os

import pytest

from tracer.errors import TracerError
from tracer.experiment.line import UNITS, command_condition, condition, parse_line

CPU = max(os.sched_getaffinity(0))


def test_what_a_line_gives_and_what_it_leaves_to_the_defaults() -> None:
    line = parse_line(
        f"async-brigade --tasks 30 --flavor=current-thread --cpus {CPU} --as-root --work 0"
    )
    assert line.workload.name == "async-brigade"
    assert line.values == {"tasks": 30, "flavor": "current-thread", "work": 0}
    assert (line.cpus, line.as_root) == ((CPU,), True)
    found = line.condition("A")
    assert (found.label, found.workload, found.cpus, found.as_root) == (
        "A", "async-brigade", (CPU,), True
    )  # fmt: skip
    assert found.values["transport"] == "socketpair"
    assert found.values["workers"] is None


@pytest.mark.parametrize(
    ("text", "iters", "warmups"),
    [
        ("thread-brigade --tasks 10", UNITS // 10, 20),
        ("thread-brigade --tasks 10 --tokens 4", UNITS // 40, 20),
        ("thread-brigade --tasks 3", 16_667, 20),
        ("thread-brigade --tasks 1000", 50, 10),
        ("thread-brigade --tasks 50000", 10, 3),
        ("thread-brigade --iters 7", 7, 3),
        ("thread-brigade --iters 7 --warmups 90", 7, 90),
        ("thread-brigade --tasks 10 --warmups 0", UNITS // 10, 0),
    ],
)
def test_iterations_and_warmups_follow_the_size(text: str, iters: int, warmups: int) -> None:
    values = parse_line(text).condition("A").values
    assert (values["iters"], values["warmups"]) == (iters, warmups)


def test_later_values_stand_at_the_end_of_the_line() -> None:
    line = parse_line("thread-brigade --tasks 10 --tokens 2").with_values({"tasks": 100})
    assert line.values == {"tasks": 100, "tokens": 2}
    assert line.condition("A").values["iters"] == UNITS // 200
    assert parse_line(f"thread-brigade --cpus {CPU}").pinned(()).cpus == ()


def test_a_flag_takes_no_value() -> None:
    assert parse_line("uring-brigade --sqpoll").values == {"sqpoll": True}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty workload line"),
        ("thread-brigade '", "is not a workload line"),
        ("thread-brigad", "no workload is called 'thread-brigad'"),
        ("thread-brigade 5", "unexpected argument '5'"),
        ("thread-brigade -t 5", "unexpected argument '-t'"),
        ("thread-brigade --task 5", "did you mean --tasks?"),
        ("thread-brigade --workers 5", "thread-brigade has no option --workers"),
        ("thread-brigade --tasks", "--tasks needs a value"),
        ("thread-brigade --tasks 0", "--tasks '0' is not a whole number from 1 on"),
        ("thread-brigade --tasks x", "--tasks 'x' is not a whole number from 1 on"),
        ("thread-brigade --warmups=-1", "--warmups '-1' is not a whole number from 0 on"),
        ("thread-brigade --transport x", "'x' is not one of socketpair, pipe"),
        ("uring-brigade --sqpoll=1", "--sqpoll takes no value"),
        ("thread-brigade --cpus 99999", "CPU 99999 is not online"),
        ("thread-brigade --tasks 900000000", "900,000,000 tasks need about"),
    ],
)
def test_a_wrong_line_is_refused_with_exit_status_2(text: str, message: str) -> None:
    with pytest.raises(TracerError) as refused:
        condition(text, "A")
    assert message in refused.value.message
    assert refused.value.exit_code == 2


def test_a_command_line_is_split_as_a_shell_does() -> None:
    found = command_condition("sh -c 'sleep 1; echo x'", "B")
    assert (found.label, found.command) == ("B", ("sh", "-c", "sleep 1; echo x"))
    assert found.unit == "run"
    assert not found.spec().controlled and found.spec().quiet
