"""What events cost is found out when a command's run is over, which is not lost for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
from harness.world import World

from tracer.errors import Interrupted, TracerError
from tracer.experiment import calibrated as module
from tracer.model.cost import Calibration, EventCost

COSTS = Calibration(None, EventCost(1, 2, None))


def _raise(number: int, _frame: object) -> NoReturn:
    raise Interrupted(number)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """As tracer's own command sets them."""
    before = {n: signal.signal(n, _raise) for n in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def calibrated(
    world: World, monkeypatch: pytest.MonkeyPatch, switch: Callable[[Any], int], said: list[str]
) -> tuple[Any, Calibration | None]:
    world.open()
    world.close(2000)
    monkeypatch.setattr(module, "switch_cost_ns", switch)
    monkeypatch.setattr(module, "calibration", lambda _engine: COSTS)
    return module.calibrated(world.recording(), None, said.append)  # type: ignore[arg-type]


def test_the_recording_has_what_a_switch_costs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording, costs = calibrated(world, monkeypatch, lambda _engine: 700, said := [])
    assert (recording.switch_cost_ns, recording.stopped_by, costs, said) == (700, None, COSTS, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_and_the_run_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    ended = []

    def interrupted(_engine: object) -> int:
        os.kill(os.getpid(), number)
        ended.append(True)
        return 700

    recording, costs = calibrated(world, monkeypatch, interrupted, said := [])
    assert ended and recording.stopped_by == number and costs is COSTS and not said
    assert signal.getsignal(number) == signal.SIG_DFL, "the next one ends tracer"


@pytest.mark.parametrize(
    "error", [TracerError("the kernel refused"), OSError(12, "no memory"), RuntimeError("thread")]
)
def test_a_failure_is_told_and_the_run_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def failing(_engine: object) -> NoReturn:
        raise error

    recording, costs = calibrated(world, monkeypatch, failing, said := [])
    assert (recording.switch_cost_ns, recording.stopped_by, costs) == (None, None, None)
    assert said == [f"what tracing costs is not known here: {error}"]


def test_a_signal_that_ended_the_helper_too_is_the_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_engine: object) -> NoReturn:
        os.kill(os.getpid(), signal.SIGTERM)
        raise BrokenPipeError(32, "Broken pipe")

    recording, costs = calibrated(world, monkeypatch, failing, said := [])
    assert (recording.stopped_by, costs) == (signal.SIGTERM, None)
    assert said == ["what tracing costs is not known here: a signal came meanwhile"]
