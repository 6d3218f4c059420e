"""Many calls that do next to nothing, and few."""

from harness.findings import call, run

S = 1_000_000_000


def _run(calls: int, outside_ns: int, faults: int = 300) -> dict[str, object]:
    found = {"outside_calls_ns": outside_ns, "error_ns": S // 100, "on_path_ns": outside_ns}
    return run(
        2 * S,
        {"syscall:process": S // 4},
        syscalls=[
            call("getpid", "process", calls, S // 4, S // 4),
            call("read", "io", 9, 900, 900),
        ],
        kernel_time={**found, "minor_faults": faults, "major_faults": 0},
    )


FIRES = [_run(1_000_000, S // 2), _run(300_000, S)]
SILENT = [
    _run(1_000_000, S // 20),
    _run(50_000, S // 2),
    _run(200_000, S // 2, faults=1_000_000),
    run(syscalls=None),
]
