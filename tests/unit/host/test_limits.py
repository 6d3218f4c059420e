"""Limits: the one that binds most is named, with the size that fits and what raises it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

import workloads
from tracer.errors import TracerError
from tracer.host import limits
from tracer.host.limits import Limit
from workloads import Needs

NEEDS = Needs(descriptors=(2, 22), threads=(1, 1), memory_bytes=(1000, 0))
FILES = Limit("descriptors", "RLIMIT_NOFILE (hard)", 1000, 1000, "ulimit -Hn NUMBER")
PIDS = Limit("threads", "/g/pids.max", 600, 400, "echo NUMBER > /g/pids.max")


def test_what_fits_is_not_refused() -> None:
    limits.require(NEEDS, 399, [FILES, PIDS])
    with pytest.raises(TracerError):
        limits.require(NEEDS, 400, [FILES, PIDS])


def test_the_limit_that_binds_most_is_named() -> None:
    with pytest.raises(TracerError) as caught:
        limits.require(NEEDS, 600, [FILES, PIDS])
    assert caught.value.message == (
        "600 tasks need about 601 threads; /g/pids.max is 600 and leaves 400"
    )
    assert caught.value.hint == ("--tasks 399 fits; or raise the limit: echo 801 > /g/pids.max")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("tasks", [489, 490])
def test_the_largest_size_is_exact(tasks: int) -> None:
    assert limits.most_tasks(NEEDS, FILES) == 489
    if tasks == 489:
        limits.require(NEEDS, tasks, [FILES])
    else:
        with pytest.raises(TracerError):
            limits.require(NEEDS, tasks, [FILES])


def test_what_is_not_taken_per_task_does_not_bind() -> None:
    assert limits.most_tasks(NEEDS, Limit("areas", "vm.max_map_count", 5, 5, "")) is None


def test_this_system_has_the_limits_that_proc_names() -> None:
    by_name = {limit.name: limit for limit in limits.limits(uid=0)}
    assert by_name["kernel.pid_max"].value == int(Path("/proc/sys/kernel/pid_max").read_text())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY:
        assert by_name["RLIMIT_NOFILE (hard)"].value == hard
    memory = by_name["memory of this machine"]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory.value == pytest.approx(pages, rel=0.05)
    assert 0 < memory.left <= memory.value


def test_every_workload_that_has_tasks_says_what_it_takes() -> None:
    for workload in workloads.available().values():
        values = {option.name: option.default for option in workload.options}
        needs = workload.needs(values)
        assert any(per_task for per_task, _fixed in vars(needs).values()), workload.name
