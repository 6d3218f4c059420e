"""Which number the kernel knows a thread by, from its handle in the C library."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tracer.host import python_names


@pytest.fixture
def threads():
    """The main thread and four new ones: handle -> number."""
    ready, over = threading.Barrier(5), threading.Event()
    numbers = {threading.get_ident(): threading.get_native_id()}

    def work() -> None:
        numbers[threading.get_ident()] = threading.get_native_id()
        ready.wait(10)
        over.wait(10)

    new_threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in new_threads:
        thread.start()
    ready.wait(10)
    yield numbers
    over.set()
    for thread in new_threads:
        thread.join()


def test_the_number_behind_each_handle(threads):
    inside = {tid: tid for tid in threads.values()}
    assert python_names._numbers_of(os.getpid(), threads, inside) == threads


def test_no_number_is_better_than_a_wrong_one(threads):
    """With a thread that /proc does not know, or at an address where nothing is."""
    inside = {tid: tid for tid in threads.values()}
    del inside[max(inside)]
    assert python_names._numbers_of(os.getpid(), threads, inside) == {}
    assert python_names._numbers_of(os.getpid(), [*threads, 4096], inside) == {}


def test_without_py_spy_there_are_no_names(monkeypatch):
    monkeypatch.setattr(python_names, "PY_SPY", Path("/nonexistent/py-spy"))
    assert python_names.names_in(os.getpid()) == {}


@pytest.mark.parametrize(
    ("program", "yes"),
    [("python3", True), ("python3.11", True), ("python3.11 (deleted)", True), ("bash", False),
     ("pythonic", False)],
)  # fmt: skip
def test_what_is_python(program, yes):
    assert python_names.is_python(-1, Path("/usr/bin") / program) is yes
