"""Creating kernel threads, and the time from there until their bodies run."""

from workloads import PROGRAM, Needs, Workload, creation_options, native

#: The threads end at once; until it is joined, each keeps its stack of 2 MiB.
_ENDED_THREADS = Needs(
    threads=(0, 64), areas=(4, 100), memory_bytes=(8 << 10, 0), virtual_bytes=(2 << 20, 1 << 30)
)

WORKLOAD = Workload(
    name="thread-creation",
    summary="create kernel threads, wait until each has run (std)",
    unit="thread created",
    transport="",
    options=creation_options(1000),
    argv=native("thread-creation"),
    needs=lambda _values: PROGRAM + _ENDED_THREADS,
)
