"""Bytes one by one, and in blocks."""

from harness.findings import call, run

S = 1_000_000_000


def _run(calls: int, moved: int | None, on_cpu_ns: int, failed: int = 0) -> dict[str, object]:
    errors = {"EAGAIN": failed}
    rows = [
        call("read", "io", calls, on_cpu_ns, on_cpu_ns, bytes=moved, errors=errors),
        call("write", "io", calls, on_cpu_ns, on_cpu_ns, bytes=moved, errors=errors),
    ]
    return run(2 * S, {"syscall:io": 2 * on_cpu_ns}, syscalls=rows)


FIRES = [_run(1_000_000, 1_000_000, S // 3), _run(40_000, 40_000 * 100, S // 4)]
SILENT = [
    _run(1_000_000, 1_000_000 * 4096, S // 3),
    _run(1_000_000, None, S // 3),
    _run(9000, 9000, S // 3),
    _run(1_000_000, 1000, S // 3, failed=999_000),
    _run(1_000_000, 1_000_000, S // 40),
    run(syscalls=None),
]
