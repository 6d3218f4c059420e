"""The pytest plugin: the fixture `traced`, the marker `tracer`, and a section of the summary.

pytest loads this file in every run of an environment that tracer is installed in: it imports
nothing of tracer's until a test asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tracer.analysis.run.budget import Budget
    from tracer.api.helper import Helper
    from tracer.api.tracing import Trace
    from tracer.experiment.tracing import Tracing

_MARKER = (
    "tracer(budget=(), probes=None, units=None, light=False): trace the test, or the blocks of its"
    " fixture `traced`, under eBPF; it fails when a budget is broken, and is skipped where tracer"
    " has no rights"
)
#: Set to 1, a test that cannot be traced fails instead of being skipped.
_FORCE = "TRACER_FORCE_BPF"
_ARGUMENTS = ("budget", "probes", "units", "light")
#: Names of the plugin that holds the helpers, and of the property that a traced block leaves.
_SESSION, _PROPERTY = "tracer-session", "tracer"


@dataclass(frozen=True)
class _Wanted:
    """What the marker of a test says."""

    budgets: tuple[Budget, ...]
    tracing: Tracing
    units: int | None


@dataclass(eq=False)  # older plugin managers hash what they register
class _Session:
    """The helpers of one run of pytest: one for each kind of tracing, started when it is needed."""

    helpers: dict[Tracing, Helper] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    def helper(self, tracing: Tracing) -> Helper:
        from tracer.api.helper import Helper

        if tracing not in self.helpers:
            self.helpers[tracing] = self.stack.enter_context(closing(Helper(tracing)))
        return self.helpers[tracing]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    config.pluginmanager.register(_Session(), _SESSION)


def pytest_unconfigure(config: pytest.Config) -> None:
    session = config.pluginmanager.get_plugin(_SESSION)
    if session is not None:
        session.stack.close()


@pytest.fixture
def traced(request: pytest.FixtureRequest) -> Callable[..., AbstractContextManager[Trace]]:
    """`with traced(units=1000) as t:` traces a block; `t` is its report after it (docs/pytest.md).

    The budgets of the test's marker are checked when the block ends. Skips where tracer has no
    rights.
    """
    wanted = _wanted(request.node)
    helper = _helper_or_skip(request.node, wanted.tracing)

    @contextmanager
    def block(units: int | None = None) -> Iterator[Trace]:
        t = _trace(wanted, helper, units)
        try:
            with t:
                yield t
        finally:
            _note(request.node, t)
        _check(t, wanted.budgets)

    return block


@pytest.hookimpl(hookwrapper=True)  # the older form, which every pytest knows
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test with the marker and without the fixture is traced as a whole."""
    if item.get_closest_marker("tracer") is None or "traced" in getattr(item, "fixturenames", ()):
        yield
        return
    wanted = _wanted(item)
    t = _trace(wanted, _helper_or_skip(item, wanted.tracing), None)
    with t:
        outcome: Any = yield
    _note(item, t)
    if outcome.excinfo is None:
        try:
            _check(t, wanted.budgets)
        except pytest.fail.Exception as failed:
            if not hasattr(outcome, "force_exception"):  # pluggy before 1.1
                raise
            outcome.force_exception(failed)


def _trace(wanted: _Wanted, helper: Helper, units: int | None) -> Trace:
    from tracer.api.tracing import Trace

    return Trace(wanted.tracing, units=wanted.units if units is None else units, helper=helper)


def _note(item: pytest.Item, t: Trace) -> None:
    """For the summary; a property of the test, which is in JUnit files and passes pytest-xdist."""
    if t.has_report:
        item.user_properties.append((_PROPERTY, _line(t)))


def _check(t: Trace, budgets: Sequence[Budget]) -> None:
    """Fail the test when a budget is broken, or cannot be judged because events were lost."""
    from tracer.analysis.run.budget import broken
    from tracer.errors import TracerError

    if not budgets:
        return
    if t.lost:
        pytest.fail(f"no budget can be judged: {'; '.join(t.doubts)}", pytrace=False)
    try:
        lines = broken(budgets, t.document)
    except TracerError as error:
        lines = [str(error)]
        if not t.units and any("per_unit" in budget.path for budget in budgets):
            lines.append("units of work were not counted: traced(units=N), or units of the marker")
    if lines:
        pytest.fail("\n".join([*lines, "", t.to_text(brief=True)]), pytrace=False)


def _line(t: Trace) -> str:
    """One line of the summary: the counts that budgets are mostly about, and the largest share."""
    from tracer.units import counted, duration, percent, plain

    head = t.headline
    shares = {
        "I/O": head.io,
        "switching": head.switching,
        "own code": head.user,
        "other calls": head.system,
        "waiting": head.waiting,
    }
    largest, name = max((share, name) for name, share in shares.items() if share is not None)
    calls = [counted(sum(c.calls for c in t.calls), "system call")] if t.calls else []
    switches = counted(t.switches.total, "context switch", "context switches")
    causes = [one for one in t.findings if one.id != "nothing"]
    found = [f"finding {one.id} {percent(one.share)}" for one in causes[:1]]
    words = [duration(t.window_ns), switches, *calls, f"{name} {percent(largest)}", *found]
    words += t.doubts
    return plain(", ".join(words))


# ---- what a test wants ----


def _wanted(item: pytest.Item) -> _Wanted:
    from tracer.analysis.run.budget import parse
    from tracer.analysis.run.budget_paths import require
    from tracer.api.tracing import TOP, tracing_of
    from tracer.errors import TracerError

    marker = item.get_closest_marker("tracer")
    values = dict(marker.kwargs) if marker else {}
    unknown = sorted(set(values) - set(_ARGUMENTS))
    if unknown or (marker and marker.args):
        what = unknown[0] if unknown else repr(marker.args[0]) if marker else ""
        pytest.fail(f"@pytest.mark.tracer takes {', '.join(_ARGUMENTS)}: not {what}", pytrace=False)
    budget = values.get("budget", ())
    texts = (budget,) if isinstance(budget, str) else tuple(budget)
    try:
        budgets = tuple(map(parse, texts))
        tracing = tracing_of(values.get("probes"), bool(values.get("light")), TOP)
        require(budgets, tracing.probes, "--light" if tracing.light else "")
        return _Wanted(budgets, tracing, values.get("units"))
    except TracerError as error:
        why = str(error)
    pytest.fail(f"@pytest.mark.tracer of {item.nodeid}: {why}", pytrace=False)


def _helper_or_skip(item: pytest.Item, tracing: Tracing) -> Helper:
    from tracer.errors import CannotTraceError

    session: Any = item.config.pluginmanager.get_plugin(_SESSION)
    try:
        helper: Helper = session.helper(tracing)
        return helper
    except CannotTraceError as error:
        why, hint = f"tracer cannot trace here: {error.message}", error.hint
    if os.environ.get(_FORCE) == "1":
        pytest.fail(f"{why}\n{hint}", pytrace=False)
    pytest.skip(why)


# ---- the summary ----


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A line for each traced block."""
    reports = [one for kind in terminalreporter.stats.values() for one in kind]
    lines = [
        f"{one.nodeid}: {value}"
        for one in reports
        if getattr(one, "when", "") == "call"
        for name, value in one.user_properties
        if name == _PROPERTY
    ]
    if lines:
        terminalreporter.section("tracer")
        for line in lines:
            terminalreporter.write_line(line)
