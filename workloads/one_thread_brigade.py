"""The reads and writes of a brigade alone: one thread moves the byte through all the joints."""

from workloads import BRIGADE_OPTIONS, PROGRAM, TRANSPORT, Workload, joints, native

WORKLOAD = Workload(
    name="one-thread-brigade",
    summary="the I/O floor: one thread does every read and write of the brigade",
    unit="hop",
    transport="socketpair",
    options=(*BRIGADE_OPTIONS, TRANSPORT),
    argv=native("one-thread-brigade"),
    needs=lambda values: PROGRAM + joints(values),
)
