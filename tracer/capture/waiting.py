"""What the threads wait in whose waits go on when tracer closes the window.

No event of the window gives such a wait a stack. It is read from outside, a few milliseconds
after the window's end, and counts where the thread is in the same call still.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tracer.host.waiting import WaitingStack, waiting_stack
from tracer.kernel.arrays import Snapshot
from tracer.kernel.engine import Engine
from tracer.model.states import RunState
from tracer.model.stretches import longest
from tracer.model.threads import is_in

#: Threads whose event loop is kept from polling, at most; of all threads, those that wait longest.
_MOST_LOOPS, _MOST_WAITS = 8, 1024


def waiting_stacks(engine: Engine, data: Snapshot) -> Mapping[int, WaitingStack]:
    """Of the thread that the path ends with, and of event loops that are blocked: by slot. Where
    all threads are sampled, of those too."""
    if not engine.has_stacks:
        return {}
    ctl, threads = data["ctl"][0], data["threads"]
    spans = longest(threads, int(ctl["epoch"]), int(ctl["end_ns"]), _MOST_LOOPS)
    asleep = np.flatnonzero(is_in(threads, RunState.BLOCKED))
    slots = {int(ctl["end_slot"]), *(span.slot for span in spans if span.is_open)}
    if engine.samples_all_threads:
        order = np.argsort(threads["last_ns"][asleep], kind="stable")
        slots.update(asleep[order][:_MOST_WAITS].tolist())
    found = {}
    for slot in slots.intersection(asleep.tolist()):
        row = threads[slot]
        stack = waiting_stack(int(row["tgid"]), int(row["tid"]))
        if stack and stack.call == int(row["call_nr"]):
            found[slot] = stack
    return found
