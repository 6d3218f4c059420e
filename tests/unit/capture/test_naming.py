"""A signal while the functions of a closed window are being named."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from tracer.capture import naming


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Those of this process are as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_does_without_names_and_is_told(number: int) -> None:
    left = threading.Event()
    with naming.naming(left.set) as found:
        os.kill(os.getpid(), number)
        assert left.wait(20)
    assert found.signalled == number
    assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL, "the next one ends tracer"


def test_without_a_signal_nothing_changes() -> None:
    def mine(_number: int, _frame: object) -> None:
        raise AssertionError

    signal.signal(signal.SIGINT, mine)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as nohup does
    with naming.naming(lambda: None) as found:
        assert signal.getsignal(signal.SIGINT) not in (mine, signal.SIG_DFL)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    assert found.signalled is None
    assert signal.getsignal(signal.SIGINT) is mine
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN


def test_a_long_wait_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said = threading.Event()
    monkeypatch.setattr(naming, "_LONG_S", 0.001)
    monkeypatch.setattr("tracer.progress.Progress.say", lambda _self, _text: said.set())
    with naming.naming(lambda: None):
        assert said.wait(20)


def test_on_another_thread_signals_stay_as_they_are() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with naming.naming(lambda: None):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
