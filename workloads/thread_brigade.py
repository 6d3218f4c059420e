"""A bucket brigade of kernel threads: one byte handed on through Unix socket pairs."""

from workloads import (
    BRIGADE_OPTIONS,
    SOCKET_PAIR_BYTES,
    THREAD_BYTES,
    Needs,
    Values,
    Workload,
    native,
)


def _needs(_values: Values) -> Needs:
    return Needs(
        descriptors=(2, 22),
        threads=(1, 1),
        areas=(4, 200),
        memory_bytes=(THREAD_BYTES + SOCKET_PAIR_BYTES, 32 << 20),
    )


WORKLOAD = Workload(
    name="thread-brigade",
    summary="a byte passed through a chain of kernel threads (std, socket pairs)",
    unit="hop",
    transport="socketpair",
    options=BRIGADE_OPTIONS,
    argv=native("thread-brigade"),
    needs=_needs,
)
