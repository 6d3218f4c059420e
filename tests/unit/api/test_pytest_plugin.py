"""The pytest plugin without a kernel: it stays out of the way, skips with the reason, or fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.summarized import planted_summary

from tracer.api import helper
from tracer.errors import TracerError

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[3]
MARKED = """
import pytest
@pytest.mark.tracer(budget=["window_ns<=100"])
def test_one():
    pass
"""


class _Window:
    summaries: Iterator[Any] = iter(())

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def summary(self, units: int | None) -> Any:
        return next(_Window.summaries)


class _Helper:
    """In the place of a helper process."""

    def __init__(self, tracing: object) -> None:
        pass

    def attach(self, _window: object) -> _Window:
        return _Window()

    def close(self) -> None:
        pass


@pytest.fixture
def summaries(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give blocks these summaries, of 100 ns and 6 units each, with changes."""

    def give(*changes: dict[str, Any]) -> None:
        monkeypatch.setattr(helper, "Helper", _Helper)
        made = [planted_summary(**{"losses": {"a": 0}, **change}) for change in changes]
        monkeypatch.setattr(_Window, "summaries", iter(made))

    return give


@pytest.fixture
def no_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise TracerError("loading BPF programs needs root's rights")

    monkeypatch.setattr(helper, "require_rights", refuse)
    monkeypatch.delenv("TRACER_FORCE_BPF", raising=False)


def test_pytest_loads_nothing_of_tracers_for_it() -> None:
    program = (
        "import sys, tracer.api.pytest_plugin\n"
        "mine = {n for n in sys.modules if n.startswith('tracer')}\n"
        "print(sorted(mine), sorted({'numpy', 'bcc', 'click'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "['tracer', 'tracer.api', 'tracer.api.pytest_plugin'] []\n", done.stderr


def test_a_run_without_it_is_as_before(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(): pass")
    result = pytester.runpytest_inprocess("--strict-markers", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*tracer ====*")


def test_what_it_registers_can_be_hashed(pytestconfig: pytest.Config) -> None:
    """pluggy before 1.3 asks for it."""
    assert hash(pytestconfig.pluginmanager.get_plugin("tracer-session"))


def test_the_marker_is_known(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.tracer(budget=(), *"])


@pytest.mark.usefixtures("no_rights")
def test_without_rights_a_test_is_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        MARKED + "def test_two(traced): raise AssertionError\ndef test_three(): pass"
    )
    result = pytester.runpytest_inprocess("--strict-markers", "-rs")
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["*tracer cannot trace here: loading BPF programs needs root*"])


@pytest.mark.usefixtures("no_rights")
def test_or_fails_where_that_is_wanted(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACER_FORCE_BPF", "1")
    pytester.makepyfile(MARKED + "def test_two(traced): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["*tracer cannot trace here*", "start it as root: *"])


def test_a_kept_budget_passes_and_a_broken_one_fails(
    pytester: pytest.Pytester, summaries: Any
) -> None:
    summaries({}, {"window_ns": 101})
    pytester.makepyfile(MARKED + MARKED.replace("one", "two"))
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["budget broken: window_ns is 101, window_ns<=100"])
    result.stdout.fnmatch_lines(["*= tracer =*", "*test_one: 100 ns, *", "*test_two: 101 ns, *"])


def test_a_failure_of_the_test_itself_comes_first(
    pytester: pytest.Pytester, summaries: Any
) -> None:
    summaries({"window_ns": 101})
    pytester.makepyfile(MARKED.replace("pass", "raise KeyError('mine')"))
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*KeyError: 'mine'"])
    result.stdout.no_fnmatch_line("*budget broken*")


def test_the_fixture_traces_blocks_alone(pytester: pytest.Pytester, summaries: Any) -> None:
    summaries({}, {"window_ns": 101})
    pytester.makepyfile(
        MARKED.replace("test_one()", "test_one(traced)").replace(
            "    pass",
            "    with traced() as t: pass\n    assert t.window_ns == 100\n    with traced(): pass",
        )
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["budget broken: window_ns is 101*", "*one: 100 ns*", "*one: 101*"])


def test_no_budget_is_judged_where_events_were_lost(
    pytester: pytest.Pytester, summaries: Any
) -> None:
    summaries({"losses": {"thread_table_full": 2}})
    pytester.makepyfile(MARKED)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no budget can be judged: *2 events lost*"])


def test_a_budget_by_unit_needs_units(pytester: pytest.Pytester, summaries: Any) -> None:
    summaries({"units": None, "result": {}})
    pytester.makepyfile(MARKED.replace("window_ns<=100", "sched.switches.per_unit<=1"))
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*is not known in this report: null", "units of work were not *"])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("budgets=[]", "takes budget, probes, units, light: not budgets"),
        ("3", "takes budget, probes, units, light: not 3"),
        ("budget='window_ns'", "is not of the form PATH<=NUMBER"),
        ("probes='shed'", "unknown probe 'shed'"),
        ("budget='syscalls.fsink.calls==0'", "there is no system call 'fsink'"),
        ("budget='syscalls.fsync.calls==0', probes='sched'", "the probe syscalls is off"),
    ],
)
def test_a_wrong_marker_fails_its_test(arguments: str, why: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.tracer({arguments})\ndef test_one(): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{why}*"])


def test_the_summary_passes_xdist_and_is_in_junit_files(
    pytester: pytest.Pytester, summaries: Any
) -> None:
    """It travels as a property of the test, which pytest-xdist passes on."""
    summaries({})
    pytester.makepyfile(MARKED)
    pytester.runpytest_inprocess("--junitxml=junit.xml").assert_outcomes(passed=1)
    assert '<property name="tracer" value="100 ns, ' in (pytester.path / "junit.xml").read_text()
