"""While the functions of a closed window are being named: it can take long, and needs not be waited
for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from tracer.progress import Progress

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: A wait that is longer is told.
_LONG_S = 1.0


class Naming:
    """From `with` on, a signal (Ctrl-C) calls `leave`, so that the report comes without names, and
    is kept as `signalled`. The next one ends tracer at once."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave = leave
        self._before: dict[int, Any] = {}
        self._progress = Progress()
        self._timer = threading.Timer(_LONG_S, self._tell)
        self._timer.daemon = True
        self.signalled: int | None = None

    def __enter__(self) -> Naming:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
        self._progress.clear()
        if self.signalled is None:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _tell(self) -> None:
        self._progress.say("naming the functions on the path; Ctrl-C: a report without the names")

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        for again in _SIGNALS:
            signal.signal(again, signal.SIG_DFL)
        self.signalled = number
        self._leave()
