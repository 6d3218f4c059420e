"""Windows that follow each other, and a signal: what they are made of is left out here."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tracer.capture import attach
from tracer.capture.attach import AttachRequest
from tracer.errors import Interrupted

INTERVAL_S = 0.02
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _raise(number: int, _frame: object) -> None:
    raise Interrupted(number)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """As tracer's own command, and top, set them."""
    before = {number: signal.signal(number, _raise) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Python:
    """Waits, and looks for no threads."""

    def look(self, outside: bool = False) -> None:
        pass

    def over(self, names: object) -> object:
        return names

    def wait(self, fds: tuple[int, ...], timeout_s: float) -> list[int]:
        return select.select(fds, (), (), timeout_s)[0]


class Windows(attach._Watch):
    """`recording` is called for each, and gives the signal that came while it was made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, recording: Any = lambda _n: None) -> None:
        monkeypatch.setattr(attach, "processes_of", lambda _engine: [1])
        monkeypatch.setattr(attach, "has_threads", lambda _data: True)
        nothing: Any = SimpleNamespace(
            read=dict, with_later=lambda kernels, _data: kernels, closes=lambda: None, count=1
        )
        self._engine = self._seeder = self._names = self._living = self._concurrency = nothing
        self._python: Any = Python()
        self._request = AttachRequest((1,), interval_s=INTERVAL_S)
        self._main, self._recorded, self.ended = 1, recording, 0

    def _ended(self, over: bool) -> Any:
        self.ended += 1
        return {"threads": ()}

    def _recording(self, *_: object) -> Any:
        return SimpleNamespace(number=self.ended, signalled=self._recorded(self.ended))


def taken(windows: Windows, number: int, at: int, slow_s: float = 0.0) -> list[int]:
    """The windows until they end, where the signal comes while window `at` is reported."""
    seen = []
    with pytest.raises(Interrupted) as stop:
        for window in windows.windows(lambda _threads, _processes: None):
            seen.append(window.number)
            time.sleep(slow_s)
            if window.number == at:
                os.kill(os.getpid(), number)
            assert window.number < at + 3, "the signal is not answered"
    assert stop.value.number == number
    return seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("slow_s", [0.0, 2 * INTERVAL_S])
def test_one_that_comes_while_a_window_is_reported_ends_the_next(
    number: int, slow_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where each window is late."""
    windows = Windows(monkeypatch)
    assert taken(windows, number, 3, slow_s) == [1, 2, 3, 4]
    assert windows.ended == 4, "each that ended was reported"


def test_one_that_comes_while_a_window_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def recording(number: int) -> int | None:
        if number == 2:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.001)
        return None

    windows = Windows(monkeypatch, recording)
    assert taken(windows, signal.SIGTERM, 99) == [1, 2, 3]


def test_one_that_ended_the_naming_of_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows(monkeypatch, lambda number: signal.SIGINT if number == 2 else None)
    assert taken(windows, signal.SIGINT, 99) == [1, 2, 3]


def test_the_loss_of_the_terminal_ends_the_open_window(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows(monkeypatch)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGHUP))
    signal.setitimer(signal.ITIMER_REAL, INTERVAL_S * 1.5)
    seen = taken(windows, signal.SIGHUP, 99)
    assert windows.ended == len(seen) >= 2
