"""A bucket brigade of kernel threads: one byte passed on through Unix socket pairs or pipes."""

from workloads import (
    BRIGADE_OPTIONS,
    PROGRAM,
    RUNTIME,
    THREADS,
    TRANSPORT,
    Workload,
    joints,
    native,
)

WORKLOAD = Workload(
    name="thread-brigade",
    summary="a byte passed through a chain of kernel threads (std)",
    unit="hop",
    transport="socketpair",
    options=(*BRIGADE_OPTIONS, TRANSPORT, RUNTIME),
    argv=native("thread-brigade", twin="workloads.python.thread_brigade"),
    needs=lambda values: PROGRAM + THREADS + joints(values),
)
