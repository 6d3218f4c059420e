"""A bucket brigade of kernel threads: one byte handed on through Unix socket pairs or pipes."""

from workloads import BRIGADE_OPTIONS, RUNTIME, TRANSPORT, Workload, native, takes

WORKLOAD = Workload(
    name="thread-brigade",
    summary="a byte passed through a chain of kernel threads (std)",
    unit="hop",
    transport="socketpair",
    options=(*BRIGADE_OPTIONS, TRANSPORT, RUNTIME),
    argv=native("thread-brigade", twin="workloads.python.thread_brigade"),
    needs=takes(pairs=True, each="thread"),
)
