"""A bucket brigade of kernel threads without I/O: a number passed on through channels in memory."""

from workloads import BRIGADE_OPTIONS, CHANNELS, PROGRAM, THREADS, Workload, native

WORKLOAD = Workload(
    name="thread-mem-brigade",
    summary="a number passed through kernel threads in memory (std channels)",
    unit="hop",
    transport="memory",
    options=BRIGADE_OPTIONS,
    argv=native("thread-mem-brigade"),
    needs=lambda _values: PROGRAM + THREADS + CHANNELS,
)
