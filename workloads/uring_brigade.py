"""A bucket brigade through io_uring: one byte handed on by requests to the kernel."""

from workloads import (
    BRIGADE_OPTIONS,
    PROGRAM,
    RINGS,
    THREADS,
    TRANSPORT,
    Needs,
    Option,
    Values,
    Workload,
    joints,
    native,
)  # fmt: skip


def _needs(values: Values) -> Needs:
    row = PROGRAM + joints(values) + Needs(descriptors=(0, 2))
    return row + THREADS + RINGS if values["mode"] == "per-thread" else row


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
    needs=_needs,
)
