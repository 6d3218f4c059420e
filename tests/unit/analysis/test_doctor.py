"""The doctor's analysis and report: the size each limit allows, what raises it, JSON, width."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tracer.analysis.doctor import Bound, Diagnosis, SizeAnswer, SizeRequest, diagnose
from tracer.host.checks import Check
from tracer.host.limits import Limit
from tracer.report import doctor as report
from workloads import Needs

NEEDS = Needs(descriptors=(2, 6), threads=(1, 1))
FILES = Limit("descriptors", "RLIMIT_NOFILE (hard)", 1000, 990, "prlimit --nofile=NUMBER:NUMBER")
PIDS = Limit("threads", "/g/pids.max", 600, 400, "echo NUMBER > /g/pids.max")
AREAS = Limit("areas", "vm.max_map_count", 65530, 65530, "sysctl vm.max_map_count=NUMBER")


def diagnosis(request: SizeRequest | None = None, **changes: Any) -> Diagnosis:
    values: dict[str, Any] = {
        "checks": [Check("BTF", "5 MiB")],
        "limits": [FILES, PIDS, AREAS],
        "remarks": ["the stack does not bind"],
        "needs": {"w": NEEDS, "none": Needs()},
    }
    return diagnose(**{**values, **changes}, request=request)


def size(tasks: int, needs: Needs = NEEDS) -> SizeAnswer:
    answer = diagnosis(SizeRequest("thread-brigade", needs, tasks)).size
    assert answer is not None
    return answer


def test_the_limit_that_allows_least_binds() -> None:
    answer = size(600)
    assert answer.by_limit == {
        "RLIMIT_NOFILE (hard)": 492,  # (990 - 6) / 2
        "/g/pids.max": 399,
        "vm.max_map_count": None,
    }
    assert answer.bound == Bound(399, "/g/pids.max")
    assert not answer.fits


def test_every_limit_that_forbids_the_size_has_its_remedy_the_tightest_first() -> None:
    assert list(size(600).remedies.items()) == [
        ("/g/pids.max", "echo 801 > /g/pids.max"),  # 200 in use, 601 needed
        ("RLIMIT_NOFILE (hard)", "prlimit --nofile=1216:1216"),
    ]
    assert list(size(450).remedies) == ["/g/pids.max"]


def test_a_size_up_to_the_bound_fits() -> None:
    assert size(399).fits and not size(399).remedies
    assert not size(400).fits


def test_where_nothing_binds_any_size_fits() -> None:
    answer = size(10**9, Needs())
    assert answer.bound is None and answer.fits
    assert diagnosis().most_tasks == {"w": Bound(399, "/g/pids.max"), "none": None}


@pytest.mark.parametrize(
    ("verdict", "tasks", "is_well"),
    [("ok", None, True), ("note", 399, True), ("problem", 399, False), ("ok", 400, False)],
)
def test_a_problem_or_a_size_that_does_not_fit_is_not_well(
    verdict: str, tasks: int | None, is_well: bool
) -> None:
    request = None if tasks is None else SizeRequest("w", NEEDS, tasks)
    assert diagnosis(request, checks=[Check("BTF", "", verdict)]).is_well is is_well


# ---- the report ----


def blocks(text: str) -> list[list[str]]:
    return [block.splitlines() for block in text.rstrip("\n").split("\n\n")]


def test_a_size_that_does_not_fit() -> None:
    checks, limits, verdict, end = blocks(
        report.render(diagnosis(SizeRequest("thread-brigade", NEEDS, 600)))
    )
    assert checks == ["ok       BTF                  5 MiB"]
    assert [re.split(r"  +", line) for line in limits[2:5]] == [
        ["RLIMIT_NOFILE (hard)", "open files", "1,000", "990", "492"],
        ["/g/pids.max", "threads", "600", "400", "399"],
        ["vm.max_map_count", "memory areas", "65,530", "65,530", "any number"],
    ]
    assert limits[5:] == ["the stack does not bind"]
    assert verdict == [
        "thread-brigade: 399 tasks at most; /g/pids.max binds",
        "600 tasks do not fit. The limits that are too low, and what raises them:",
        "  /g/pids.max: echo 801 > /g/pids.max",
        "  RLIMIT_NOFILE (hard): prlimit --nofile=1216:1216",
    ]
    assert end == ["problems: 0, notes: 0; nothing was changed"]


@pytest.mark.parametrize(
    ("request_", "verdict"),
    [
        (SizeRequest("w", NEEDS, 399),
         ["w: 399 tasks at most; /g/pids.max binds", "399 tasks fit"]),
        (SizeRequest("w", Needs(), 5), ["w: no limit that can be seen here binds"]),
    ],
)  # fmt: skip
def test_a_size_that_fits(request_: SizeRequest, verdict: list[str]) -> None:
    assert blocks(report.render(diagnosis(request_)))[2] == verdict


def test_without_a_size_the_most_tasks_of_every_workload() -> None:
    rows = blocks(report.render(diagnosis()))[2][2:]
    assert [re.split(r"  +", row) for row in rows] == [
        ["w", "/g/pids.max", "399"],
        ["none", "any"],
    ]


def test_below_a_check_stand_its_meaning_and_its_remedy() -> None:
    check = Check("guest polling", "off", "note", "a CPU sleeps at once", "modprobe \x1b")
    text = report.render(diagnosis(checks=[check]))
    assert blocks(text)[0] == [
        "note     guest polling        off",
        " " * 30 + "a CPU sleeps at once",
        " " * 30 + r"remedy: modprobe \x1b",
    ]
    assert text.endswith("\nproblems: 0, notes: 1; nothing was changed\n")


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_report_fits(width: int) -> None:
    check = Check("mitigations", "spectre: " + "long " * 60, "note", "why " * 30, "remedy " * 30)
    text = report.render(diagnosis(checks=[check], remarks=["remark " * 30]), width)
    assert max(map(len, text.splitlines())) <= width


def test_the_document() -> None:
    data = report.document(diagnosis(SizeRequest("w", NEEDS, 600)))
    assert json.loads(json.dumps(data)) == data
    assert data == {
        "schema": "tracer.doctor/1",
        "facts": [{"what": "BTF", "value": "5 MiB", "verdict": "ok", "why": "", "cure": ""}],
        "limits": [
            {"resource": limit.resource, "name": limit.name, "value": limit.value,
             "left": limit.left, "cure": limit.remedy}
            for limit in (FILES, PIDS, AREAS)
        ],
        "remarks": ["the stack does not bind"],
        "most_tasks": {"w": {"tasks": 399, "limit": "/g/pids.max"}, "none": None},
        "request": {
            "workload": "w",
            "tasks": 600,
            "fits": False,
            "most_tasks": 399,
            "binds": "/g/pids.max",
            "by_limit": {"RLIMIT_NOFILE (hard)": 492, "/g/pids.max": 399,
                         "vm.max_map_count": None},
            "cures": {"/g/pids.max": "echo 801 > /g/pids.max",
                      "RLIMIT_NOFILE (hard)": "prlimit --nofile=1216:1216"},
        },
    }  # fmt: skip
    assert report.document(diagnosis())["request"] is None
