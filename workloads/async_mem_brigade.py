"""A bucket brigade of tokio tasks without I/O: a number passed on through channels in memory."""

from workloads import BRIGADE_OPTIONS, PROGRAM, TASKS, Workload, native, runtime, scheduler_options

WORKLOAD = Workload(
    name="async-mem-brigade",
    summary="a number passed through async tasks in memory (tokio channels)",
    unit="hop",
    transport="memory",
    options=(*BRIGADE_OPTIONS, *scheduler_options("current-thread")),
    argv=native("async-mem-brigade"),
    needs=lambda values: PROGRAM + runtime(values, "current-thread") + TASKS,
)
