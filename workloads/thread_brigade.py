"""A bucket brigade of kernel threads: one byte handed on through Unix socket pairs."""

from workloads import BRIGADE_OPTIONS, Workload, native

WORKLOAD = Workload(
    name="thread-brigade",
    summary="a byte passed through a chain of kernel threads (std, socket pairs)",
    unit="hop",
    transport="socketpair",
    options=BRIGADE_OPTIONS,
    argv=native("thread-brigade"),
)
