"""The lock of a host: in turn, and free again after a wait that was given up."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest

from tracer.errors import Interrupted, TracerError
from tracer.experiment.fleet import lock

SOON_S = 0.1


@pytest.fixture(autouse=True)
def _of_the_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lock, "LOCK", tmp_path / "lock")


def _nothing() -> None:
    pass


def test_who_waits_has_its_turn_before_the_one_that_had_it() -> None:
    """Each lets it go and asks for it again at once, as a worker with block after block does."""
    turns: list[str] = []

    def measure(name: str) -> None:
        for _ in range(4):
            with lock.measuring(60, _nothing):
                turns.append(name)
                time.sleep(SOON_S)
            time.sleep(SOON_S / 5)

    workers = [threading.Thread(target=measure, args=(name,)) for name in "abc"]
    with lock.measuring(60, _nothing):
        for worker in workers:
            worker.start()
            time.sleep(SOON_S)
    for worker in workers:
        worker.join()
    assert "".join(turns) == "abc" * 4


def test_a_wait_that_is_given_up_leaves_the_lock_to_the_next() -> None:
    def stop() -> None:
        raise Interrupted(signal.SIGINT)

    with lock.measuring(60, _nothing):
        with pytest.raises(Interrupted), lock.measuring(60, stop):
            raise AssertionError("it was held")
        with (
            pytest.raises(TracerError, match="something else is measured"),
            lock.measuring(0.2, _nothing),
        ):
            raise AssertionError("it was held")
    with lock.measuring(60, _nothing):
        pass
