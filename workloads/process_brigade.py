"""A bucket brigade of processes: one byte handed on through Unix socket pairs or pipes."""

from workloads import BRIGADE_OPTIONS, TRANSPORT, Workload, native, takes

WORKLOAD = Workload(
    name="process-brigade",
    summary="a byte passed through a chain of processes",
    unit="hop",
    transport="socketpair",
    options=(*BRIGADE_OPTIONS, TRANSPORT),
    argv=native("process-brigade"),
    needs=takes(pairs=True, each="process"),
)
