"""While the functions of a closed window are being named: it can take long, and needs not be waited
for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from tracer.host.stopping import FirstKept
from tracer.progress import Progress

#: A wait that is longer is told.
_LONG_S = 1.0


@contextlib.contextmanager
def naming(leave: Callable[[], None]) -> Iterator[FirstKept]:
    """A signal (Ctrl-C) calls `leave` meanwhile, so that the report comes without names."""
    progress = Progress()
    text = "naming the functions on the path; Ctrl-C: a report without the names"
    timer = threading.Timer(_LONG_S, progress.say, (text,))
    timer.daemon = True
    with FirstKept(leave) as signals:
        timer.start()
        try:
            yield signals
        finally:
            timer.cancel()
            timer.join()
            progress.clear()
