"""Creating async tasks, and getting from there into their bodies."""

from workloads import Workload, creation_options, native, scheduler_options, takes

WORKLOAD = Workload(
    name="async-creation",
    summary="create async tasks, wait until each has run (tokio)",
    unit="task created",
    transport="",
    options=(*creation_options(10000), *scheduler_options("multi-thread")),
    argv=native("async-creation"),
    needs=takes(),
)
