"""SIGINT and SIGTERM: the first leaves time for a report, the second ends tracer at once."""

from __future__ import annotations

import os
import signal
import sys
import threading

from tracer.errors import Interrupted

_AGAIN_S = 0.01


class _Answer:
    """`is_report`: what was asked for has been done, and its report is all that is left."""

    is_report = False


def answer_to_signals() -> None:
    """From now on the first one raises Interrupted, wherever the main thread is."""
    sys.unraisablehook = _unraisable
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a shell's background job
            signal.signal(number, _signalled)


def only_report_is_left() -> None:
    """From now on the first one raises nothing: a run that is over is not lost for it."""
    _Answer.is_report = True


def _signalled(number: int, _frame: object) -> None:
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_DFL)
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
