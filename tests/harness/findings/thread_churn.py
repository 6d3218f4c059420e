"""A shell that starts programs in a loop, a server with a thread for each request; a pool."""

from harness.findings import call, run

S = 1_000_000_000


def _run(created: int, programs: int, inside_ns: int, yields: int = 0, **more: object
         ) -> dict[str, object]:  # fmt: skip
    rows = [
        call("clone", "process", created, inside_ns // 2, inside_ns // 2, errors={"EAGAIN": 0}),
        call("execve", "process", programs + 3, inside_ns // 4, inside_ns // 4,
             errors={"ENOENT": 3}),
        call("sched_yield", "process", 10, yields, yields),
    ]  # fmt: skip
    return run(2 * S, {"syscall:process": inside_ns}, syscalls=rows, **more)


FIRES = [
    _run(900, 900, S // 2),
    _run(9000, 0, S // 2),
    _run(900, 900, S // 2, result={"units": 450, "unit": "request"}),
]
SILENT = [
    _run(40, 40, S // 2),
    _run(900, 900, S // 20),
    _run(900, 0, S // 2, yields=S // 2),
    run(syscalls=None),
]
