"""The command to type next: nothing twice, and nothing that is needed taken away."""

from __future__ import annotations

from typing import Any

import pytest
from harness.findings import merged, run

from tracer.analysis.next_command import again, explain, profile, without

PLACE = {"function": "frames::fill", "file": "/srv/src/frames.rs", "line": 26, "share": 0.853}


ON: dict[str, Any] = {"sched": {}, "syscalls": [], "waits": {}, "futex": {}}


def made_by(start: str, rest: str = "", *options: str, **changes: Any) -> dict[str, Any]:
    line = {"start": start, "options": list(options), "rest": rest}
    return merged(run(), {"command_line": line, **changes})


def test_probes_stand_beside_those_that_were_on() -> None:
    data = made_by("tracer run", "-- make -j2", **ON)
    assert again(data) == "tracer run -- make -j2"
    assert again(data, "--probe stacks") == "tracer run --probe +stacks -- make -j2"
    data["epoll"] = {}
    assert again(data) == "tracer run --probe +epoll -- make -j2"
    assert again(data, "--probe epoll,stacks") == "tracer run --probe +epoll,stacks -- make -j2"
    assert again(data, "--probe all") == "tracer run --probe all -- make -j2"
    data["sched"] = None
    assert again(data) == "tracer run --probe futex,syscalls,waits,epoll -- make -j2"


def test_no_option_is_given_twice() -> None:
    data = made_by("tracer attach 7", "", "--top 5", "--duration 3", **ON)
    assert again(data, "--top 5") == "tracer attach 7 --top 5 --duration 3"
    assert again(data, "--no-follow").endswith("--duration 3 --no-follow")


def test_light_goes_where_it_is_in_the_way() -> None:
    data = made_by("tracer run", "-- a", "--light", "--top 5", light=True, syscalls=None)
    assert again(data, "--probe stacks") == "tracer run --top 5 --probe +stacks -- a"
    assert again(data, "--no-follow") == "tracer run --light --top 5 --no-follow -- a"
    assert without(data, "--light") == "tracer run --top 5 -- a"


def test_places_that_were_sampled_are_named() -> None:
    data = made_by("sudo tracer run", "-- ./frames", **ON)
    assert profile(data) == "sudo tracer run --probe +stacks -- ./frames"
    data["where"] = {"places": [PLACE]}
    assert again(data, "--probe stacks") == profile(data)
    assert profile(data) == "look at frames::fill frames.rs:26: 85.3 % of the path"
    data["where"] = {"places": []}
    assert "--grid 100" in profile(data)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("thread-brigade", "sudo tracer explain pinning"),
        ("async-creation", "sudo tracer compare async-creation thread-creation"),
        ("thread-mem-brigade", "sudo tracer compare thread-mem-brigade async-mem-brigade"),
        ("uring-brigade", "sudo tracer compare uring-brigade thread-brigade"),
    ],
)
def test_a_workload_has_its_experiment(name: str, text: str) -> None:
    data = made_by(f"sudo tracer run {name}", target={"kind": "workload", "name": name})
    assert explain(data) == text


def test_a_command_is_explained_and_a_running_process_profiled() -> None:
    assert explain(made_by("sudo tracer run", "-- ./a b")) == "sudo tracer explain -- ./a b"
    attach = made_by("tracer attach 7", target={"kind": "attach"}, **ON)
    assert explain(attach) == "tracer attach 7 --probe +stacks"
