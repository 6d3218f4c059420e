"""SIGINT and SIGTERM: the first leaves time for a report, the second ends tracer at once. Ignored
ones stay so."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from tracer.errors import Interrupted
from tracer.host.stopping import answered

_AGAIN_S = 0.01


class _Answer:
    """`is_report`: what was asked for has been done, and its report is all that is left."""

    is_report = False


def answer_to_signals() -> None:
    """From now on the first one raises Interrupted, wherever the main thread is."""
    sys.unraisablehook = _unraisable
    _set(_signalled)


def _set(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in answered():
        signal.signal(number, handler)


def only_report_is_left() -> None:
    """From now on the first one raises nothing: a run that is over is not lost for it."""
    _Answer.is_report = True


def _signalled(number: int, _frame: FrameType | None) -> None:
    _set(signal.SIG_DFL)
    if not _Answer.is_report:
        raise Interrupted(number)


def _unraisable(what: sys.UnraisableHookArgs) -> None:
    """Of a destructor or a callback of Python's own. A signal that came in one comes again: not
    from here, where its exception would be lost as well."""
    if not isinstance(what.exc_value, Interrupted):
        sys.__unraisablehook__(what)
        return
    answer_to_signals()
    threading.Timer(_AGAIN_S, os.kill, (os.getpid(), what.exc_value.number)).start()
