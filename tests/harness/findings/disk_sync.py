"""A log that is synced after each entry; syncs that cost next to nothing."""

from harness.findings import call, run
from harness.findings._waits import on, rows, wait

MS = 1_000_000
_CALL = call("fdatasync", "io", 200, 262 * MS, 9 * MS)
_WAIT = wait("fdatasync", "io", 200, 1_265_000, "softirq", descriptors=[on("file", "wal.log")])
_PATH = {"external": 253 * MS, "syscall:io": 9 * MS}
FIRES = [
    run(348 * MS, _PATH, syscalls=[_CALL], waits=rows(_WAIT)),
    run(348 * MS, _PATH, syscalls=[_CALL]),
    run(348 * MS, _PATH, syscalls=[_CALL], waits=rows(_WAIT),
        result={"units": 200, "unit": "commit"}),
]  # fmt: skip
SILENT = [
    run(348 * MS, syscalls=[call("fdatasync", "io", 200, 20 * MS, 9 * MS)]),
    run(348 * MS, syscalls=[call("msync", "io", 9000, 90 * MS, 90 * MS)]),
    run(348 * MS, syscalls=[call("write", "io", 200, 262 * MS, 9 * MS)]),
    run(syscalls=None),
]
