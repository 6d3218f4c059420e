"""A bucket brigade of kernel threads: one byte handed on through Unix socket pairs or pipes."""

from workloads import BRIGADE_OPTIONS, TRANSPORT, Workload, native, takes

WORKLOAD = Workload(
    name="thread-brigade",
    summary="a byte passed through a chain of kernel threads (std)",
    unit="hop",
    transport="socketpair",
    options=(*BRIGADE_OPTIONS, TRANSPORT),
    argv=native("thread-brigade"),
    needs=takes(pairs=True, each="thread"),
)
