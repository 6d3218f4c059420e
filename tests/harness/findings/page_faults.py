"""Frames in fresh memory, and in memory that is used again."""

from harness.findings import call, run

S = 1_000_000_000


def _run(faults: int, outside_ns: int, on_path_ns: int | None, **more: object) -> dict[str, object]:
    found = {"outside_calls_ns": outside_ns, "error_ns": S // 100, "on_path_ns": on_path_ns}
    return run(12 * S // 5, kernel_time={**found, "minor_faults": faults, "major_faults": 7},
               **more)  # fmt: skip


FIRES = [
    _run(1_024_100, 1_900_000_000, 1_890_000_000),
    _run(1_024_509, 2_889_000_000, 2_200_000_000),  # on a host that others use
    _run(1_024_100, 1_900_000_000, None, threads={"user": 5 * S}),
]
SILENT = [
    _run(10_244, 10_000_000, 10_000_000),
    _run(5000, 1_900_000_000, 1_890_000_000),  # something else took it
    _run(20_000, 190_000_000, 180_000_000, syscalls=[call("getpid", "process", 900_000, S, S)]),
    _run(24_524, 120_000_000, 110_000_000, syscalls=[call("execve", "process", 36, 1, 1)]),
    run(),
]
