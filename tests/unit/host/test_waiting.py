"""The stacks of threads that wait, of programs started here."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from tracer.host.mappings import read_areas
from tracer.host.waiting import WaitingStack, waiting_stack
from tracer.model.syscalls import name_of


def waits(pid: int, tid: int) -> WaitingStack:
    until_s = time.monotonic() + 20
    while time.monotonic() < until_s:
        found = waiting_stack(pid, tid)
        if found and name_of(found.call) == "read":
            return found
        time.sleep(0.01)
    pytest.skip("the kernel does not tell what a thread waits in")


def test_a_program_that_waits_for_its_input() -> None:
    text = "import os; os.read(0, 1)"
    with subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE) as program:
        found = waits(program.pid, program.pid)
        (stack,) = (area for area in read_areas(program.pid) if area.path == "[stack]")
        program.communicate(b"x", timeout=20)
    assert found.sample.sp in stack
    assert found.first == 0
    assert len(found.sample.data) == min(stack.end - found.sample.sp, 16384)
    assert (found.sample.tgid, found.sample.bp) == (program.pid, 0)


def test_a_thread_that_runs_or_has_ended_waits_in_nothing() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert waiting_stack(os.getpid(), thread.native_id or 0) is None
    assert waiting_stack(os.getpid(), threading.get_native_id()) is None
