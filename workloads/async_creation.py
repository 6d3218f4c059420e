"""Creating async tasks, and the time from there until their bodies run."""

from workloads import PROGRAM, TASKS, Workload, creation_options, native, runtime, scheduler_options

WORKLOAD = Workload(
    name="async-creation",
    summary="create async tasks, wait until each has run (tokio)",
    unit="task created",
    transport="",
    options=(*creation_options(10000), *scheduler_options("multi-thread")),
    argv=native("async-creation"),
    needs=lambda values: PROGRAM + runtime(values, "multi-thread") + TASKS,
)
