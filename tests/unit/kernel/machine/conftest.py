"""What the tests of the state machine start from; each is a hand-written sequence of events."""

from __future__ import annotations

import pytest
from harness.world import Task, World


@pytest.fixture
def w(world: World) -> World:
    """The window is open since 1000; the first thread runs on CPU 0, in user mode."""
    world.open()
    return world


@pytest.fixture
def other(w: World) -> Task:
    """A second thread, created by the first, blocked in a read since 1040 on CPU 1.

    The first thread is in user mode again, with the path {user: 10, syscall:process: 20} at 1030.
    """
    return w.create_reader()
