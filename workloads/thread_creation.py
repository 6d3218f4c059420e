"""Creating kernel threads, and getting from there into their bodies."""

from workloads import Workload, creation_options, native, takes

WORKLOAD = Workload(
    name="thread-creation",
    summary="create kernel threads, wait until each has run (std)",
    unit="thread created",
    transport="",
    options=creation_options(1000),
    argv=native("thread-creation"),
    needs=takes(each="thread"),
)
