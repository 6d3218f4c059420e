"""A bucket brigade of processes: one byte passed on through Unix socket pairs or pipes."""

from workloads import (
    BRIGADE_OPTIONS,
    JOINTS,
    PROCESSES,
    PROGRAM,
    TRANSPORT,
    Needs,
    Values,
    Workload,
    native,
)


def _needs(values: Values) -> Needs:
    """Each process holds the two ends that it uses; the driver three while it starts them."""
    joint = JOINTS[str(values["transport"])]
    return PROGRAM + PROCESSES + Needs(descriptors=(0, 8), memory_bytes=joint.memory_bytes)


WORKLOAD = Workload(
    name="process-brigade",
    summary="a byte passed through a chain of processes",
    unit="hop",
    transport="socketpair",
    options=(*BRIGADE_OPTIONS, TRANSPORT),
    argv=native("process-brigade"),
    needs=_needs,
)
