"""A bucket brigade of tokio tasks: one byte handed on through Unix socket pairs or pipes."""

from workloads import BRIGADE_OPTIONS, TRANSPORT, Option, Workload, native

WORKLOAD = Workload(
    name="async-brigade",
    summary="a byte passed through a chain of async tasks (tokio)",
    unit="hop",
    transport="socketpair",
    options=(
        *BRIGADE_OPTIONS,
        TRANSPORT,
        Option(
            "flavor",
            ("multi-thread", "current-thread"),
            "multi-thread",
            "tokio's scheduler: worker threads, or the one thread that drives the brigade",
        ),
        Option("workers", "count", None, "worker threads (multi-thread; default: one per CPU)"),
    ),
    argv=native("async-brigade"),
)
