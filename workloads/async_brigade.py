"""A bucket brigade of tokio tasks: one byte handed on through Unix socket pairs."""

import os

from workloads import BRIGADE_OPTIONS, SOCKET_PAIR_BYTES, Needs, Option, Values, Workload, native


def _needs(values: Values) -> Needs:
    workers = values["workers"] or os.cpu_count() or 1
    return Needs(
        descriptors=(2, 30),
        threads=(0, 1 + int(workers) * (values["flavor"] == "multi-thread")),
        memory_bytes=(SOCKET_PAIR_BYTES + 1024, 32 << 20),
    )


WORKLOAD = Workload(
    name="async-brigade",
    summary="a byte passed through a chain of async tasks (tokio, socket pairs)",
    unit="hop",
    transport="socketpair",
    options=(
        *BRIGADE_OPTIONS,
        Option(
            "flavor",
            ("multi-thread", "current-thread"),
            "multi-thread",
            "tokio's scheduler: worker threads, or the one thread that drives the brigade",
        ),
        Option("workers", "count", None, "worker threads (multi-thread; default: one per CPU)"),
    ),
    argv=native("async-brigade"),
    needs=_needs,
)
