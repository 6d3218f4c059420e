"""A bucket brigade through io_uring: one byte passed on by requests to the kernel."""

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

#: In one ring: the requests that a task has pending, and with `chain` their entries.
_REQUESTS = {
    "per-hop": Needs(memory_bytes=(270, 0)),
    "chain": Needs(memory_bytes=(1290, 0), virtual_bytes=(330, 0)),
}


def _needs(values: Values) -> Needs:
    mode = str(values["mode"])
    row = PROGRAM + joints(values) + Needs(descriptors=(0, 2))
    return row + (THREADS + RINGS if mode == "per-thread" else _REQUESTS[mode])


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
