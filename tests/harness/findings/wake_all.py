"""Sixteen pool threads woken for each job; one of them; a barrier; an idle pool."""

from typing import Any

from harness.findings import run
from harness.findings._locks import futex, row, waiter

S, MS = 1_000_000_000, 1_000_000
_COUNTS = {"idle": 0, "idle_ns": 0}
_POOL = row(name="pool-*", threads=16, voluntary=63_961, **_COUNTS,
            parts={"user": 236 * MS, "syscall:futex": 548 * MS})  # fmt: skip
_MAIN = row(name="pool", threads=1, parts={"syscall:futex": 320 * MS}, **_COUNTS)


def _word(woke_more: int, woken_more: int, in_vain: int, waker: str = "pool") -> dict[str, Any]:
    word = {
        "tgid": 12345, "address": "0x7fffe3e40dc8", "where": "main stack + 0x1fdc8",
        "wakes": max(woke_more, 4000), "woken": max(woken_more, 4000), "woke_more": woke_more,
        "woken_more": woken_more, "waits": 62_574, "in_vain": in_vain,
        "waiters": [waiter("pool-*", 62_574, 54 * S, threads=16)],
        "wakers": [{"name": waker, "calls": 3_996}],
    }  # fmt: skip
    return run(3_798 * MS, thread_groups=[_POOL, _MAIN], **futex(broadcasts=[word]))


FIRES = [_word(3_996, 63_917, 60_718), _word(3_996, 63_917, 64_100)]
SILENT = [
    _word(1, 15, 0),
    _word(3_996, 63_917, 9_000),  # they had work
    _word(3_996, 63_917, 60_718, waker="pool-*"),  # a barrier: the last one wakes the others
    _word(3_996, 8_000, 7_900),
    run(),
]
