"""A program that computes, and some that do not."""

from harness.findings import run

S = 1_000_000_000
FIRES = [
    run(4 * S, {"syscall:io": S // 50}),
    run(4 * S, {"sleep": S // 10}, threads={"user": 8 * S}),
]
_FAULTS = {"outside_calls_ns": 3 * S, "on_path_ns": 3 * S, "minor_faults": 1_000_000}
SILENT = [
    run(4 * S, {"sleep": 2 * S}),
    run(4 * S, kernel_time=_FAULTS),
    run(4 * S, light=True),
]
