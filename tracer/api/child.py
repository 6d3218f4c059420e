"""A function in a child process, which waits at a gate until it is traced."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from tracer.errors import TracerError


class Child:
    """One call of a function in a forked child. Leaving the context kills what is left."""

    def __init__(
        self,
        function: Callable[..., object],
        args: Sequence[object],
        kwargs: Mapping[str, object],
    ) -> None:
        context = multiprocessing.get_context("fork")  # any function, and what it refers to
        self._ours, theirs = context.Pipe()
        self._name = getattr(function, "__name__", repr(function))
        self._answer: tuple[bool, Any] | None = None
        self._process = context.Process(
            target=_run, args=(self._ours, theirs, function, args, kwargs), daemon=True
        )
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def go(self) -> None:
        """Open the gate."""
        with contextlib.suppress(BrokenPipeError):  # something has killed it
            self._ours.send_bytes(b"go")

    def wait(self) -> None:
        """Until it has ended."""
        wait([self._ours, self._process.sentinel])
        with contextlib.suppress(EOFError, OSError):
            self._answer = pickle.loads(self._ours.recv_bytes())
        self._process.join()

    def result(self) -> Any:
        """What the function returned; its exception is raised here."""
        if self._answer is None:
            raise TracerError(f"{self._name}, called in a child process, {_how(self._process)}")
        is_well, value = self._answer
        if is_well:
            return value
        raise value

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._ours.close()


def _how(process: Any) -> str:
    code = process.exitcode
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit status {code} before it returned"


def _run(
    others: Connection[Any, Any],
    channel: Connection[Any, Any],
    function: Callable[..., object],
    args: Sequence[object],
    kwargs: Mapping[str, object],
) -> None:
    """In the child."""
    others.close()
    try:
        channel.recv_bytes()
    except EOFError:
        return
    answer: tuple[bool, object]
    try:
        answer = True, function(*args, **kwargs)
    except Exception as error:
        answer = False, error
    channel.send_bytes(_pickled(answer, function))


def _pickled(answer: tuple[bool, object], function: object) -> bytes:
    try:
        return pickle.dumps(answer)
    except Exception as error:
        what = "result" if answer[0] else "exception"
        name = getattr(function, "__name__", repr(function))
        refused = TracerError(
            f"the {what} of {name} cannot be sent from its child process: {error}",
            "return plain data, or trace it in this process: with tracer.trace() as t:",
        )
        return pickle.dumps((False, refused))
