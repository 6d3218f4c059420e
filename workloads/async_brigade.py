"""A bucket brigade of tokio tasks: one byte passed on through Unix socket pairs or pipes."""

from workloads import (
    BRIGADE_OPTIONS,
    PROGRAM,
    RUNTIME,
    TASKS,
    TRANSPORT,
    WATCHED,
    Workload,
    joints,
    native,
    runtime,
    scheduler_options,
)

WORKLOAD = Workload(
    name="async-brigade",
    summary="a byte passed through a chain of async tasks (tokio)",
    unit="hop",
    transport="socketpair",
    options=(*BRIGADE_OPTIONS, TRANSPORT, *scheduler_options("multi-thread"), RUNTIME),
    argv=native("async-brigade", twin="workloads.python.async_brigade"),
    needs=lambda values: (
        PROGRAM + runtime(values, "multi-thread") + joints(values) + WATCHED + TASKS
    ),
    native_only=("flavor", "workers"),
)
