"""A bucket brigade through io_uring: one byte handed on by requests to the kernel."""

from workloads import BRIGADE_OPTIONS, TRANSPORT, Option, Workload, native

WORKLOAD = Workload(
    name="uring-brigade",
    summary="a byte passed through a chain of io_uring requests",
    unit="hop",
    transport="socketpair",
    options=(
        *BRIGADE_OPTIONS,
        TRANSPORT,
        Option(
            "mode",
            ("per-hop", "chain", "per-thread"),
            "per-hop",
            "one thread, a call for each hop; the whole row in one call; a ring for each thread",
        ),
        Option("sqpoll", "flag", False, "a kernel thread takes the submissions"),
    ),
    argv=native("uring-brigade"),
)
