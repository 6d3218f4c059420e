"""A program that computes, and some that do not."""

from harness.findings import run

S = 1_000_000_000
FIRES = [
    run(4 * S, {"syscall:io": S // 50}),
    run(4 * S, {"sleep": S // 10}, threads={"user": 8 * S}),
]
_ASLEEP = {"user": S // 50, "blocked:poll": 4 * S, "blocked:futex": 8 * S}


def _idle(kind: str = "attach", **threads: int) -> dict[str, object]:
    own = {**_ASLEEP, **{name.replace("__", ":"): ns for name, ns in threads.items()}}
    return run(4 * S, {"timed_wait": 39 * S // 10}, own, target={"kind": kind})


FIRES += [_idle(), _idle(user=0)]
_FAULTS = {"outside_calls_ns": 3 * S, "on_path_ns": 3 * S, "minor_faults": 1_000_000}
SILENT = [
    run(4 * S, {"sleep": 2 * S}),
    run(4 * S, kernel_time=_FAULTS),
    run(4 * S, light=True),
    _idle("command"),
    _idle(user=S),
    _idle(blocked__io=4 * S),
]
