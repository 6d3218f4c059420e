"""Which processes' asyncio tasks, and which threads with an event loop, probe stacks is told of."""

from __future__ import annotations

import numpy as np
import pytest

from tracer.host.asyncio_tasks import CurrentTasks
from tracer.kernel import event_loops
from tracer.kernel.event_loops import EventLoops

LOOP = np.dtype([("tgid", "u4"), ("name_at", "u4"), ("tasks", "u8"), ("dict_type", "u8"),
                 ("int_type", "u8")])  # fmt: skip
FOUND = CurrentTasks(tasks=0x7000, dict_type=0x100, int_type=0x200, name_at=144)


def test_a_process_that_polls_is_looked_at_until_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = np.zeros(5, [(name, "u4") for name in ("tid", "tgid", "polls", "only_polls")])
    threads["tgid"][1:] = 70, 70, 71, 72
    threads["tid"][1:] = 70, 73, 74, 72
    threads["polls"][1:] = 2, 0, 5, 0
    arrays = {
        "threads": threads,
        "ctl": np.array([(5,)], [("next_slot", "u8")]),
        "event_loops": np.ones(16, LOOP),
    }
    now, asked, known, alone = [10.0], [], {}, []

    def find(pid: int) -> CurrentTasks | None:
        asked.append(pid)
        return known.get(pid)

    monkeypatch.setattr(event_loops.time, "monotonic", lambda: now[0])
    loops = EventLoops(arrays, find, lambda pid: bool(alone.append(pid) or True))
    assert not arrays["event_loops"]["tgid"].any()
    loops.look()
    assert asked == [70, 71]
    loops.look()
    assert asked == [70, 71], "not at once again"
    known[71] = FOUND
    now[0] += 0.06
    loops.look()
    assert asked == [70, 71, 70, 71]
    now[0] += 0.06
    loops.look()
    assert asked == [70, 71, 70, 71], "less and less often, and what is known not at all"
    now[0] += 0.1
    loops.look()
    assert asked[4:] == [70]
    assert arrays["event_loops"][71 % 16].tolist() == (71, 144, 0x7000, 0x100, 0x200)
    assert np.count_nonzero(arrays["event_loops"]["tgid"]) == 1
    assert alone == [70], "once, of the first thread of a process that polls"
    assert threads["only_polls"].tolist() == [0, 1, 0, 0, 0]
