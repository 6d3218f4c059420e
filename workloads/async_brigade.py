"""A bucket brigade of tokio tasks: one byte handed on through Unix socket pairs or pipes."""

from workloads import (
    BRIGADE_OPTIONS,
    RUNTIME,
    TRANSPORT,
    Workload,
    native,
    scheduler_options,
    takes,
)

WORKLOAD = Workload(
    name="async-brigade",
    summary="a byte passed through a chain of async tasks (tokio)",
    unit="hop",
    transport="socketpair",
    options=(*BRIGADE_OPTIONS, TRANSPORT, *scheduler_options("multi-thread"), RUNTIME),
    argv=native("async-brigade", twin="workloads.python.async_brigade"),
    needs=takes(pairs=True),
)
