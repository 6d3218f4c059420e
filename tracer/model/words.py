"""The terms of a report: the labels of the wall ledger's lines, and `tracer help words`."""

#: The lines of the wall ledger as a reader sees them, and the label of each.
LINES = {
    "wakeup:idle": "woken, but the CPU was asleep",
    "wakeup:queued": "woken, the CPU was busy or held",
    "preempted": "pushed off the CPU, still ready to run",
    "yielded": "gave its CPU up (sched_yield)",
    "switch": "~ the switch itself (estimate)",
    "io": "I/O (inside read, write and poll calls)",
    "user": "the program's own code",
    "system": "other system calls",
    "waiting": "waiting (timers, outside world)",
    "unknown": "without a name",
}
#: The lines of a comparison: `on_cpu` is `io`, `user` and `system` where one side did not see all
#: system calls.
COMPARED_LINES = {**LINES, "on_cpu": "on a CPU (own code and calls, not split)"}
#: Behind whom, of the lines before it that are waits of a thread that was ready.
BEHIND_LINES = {
    "own": "of these: behind threads of its own",
    "other": "of these: behind other programs",
    "throttled": "of these: throttled by a CPU quota",
    "held": "of these: held back while its CPU was idle",
    "not_allowed": "of these: an idle CPU was not allowed, at least",
}
KERNEL_LINE = "~ the kernel's, outside calls (estimate)"
WAITING_LINES = {
    "timer": "for a timer",
    "timed_wait": "for a lock or an event, until a time-out",
    "disk": "for the disk",
    "network": "for the network",
    "process": "for another process",
    "kernel_thread": "for a kernel thread",
    "other": "for something outside the program",
    "kernel_workers": "for the kernel's workers (io_uring)",
}
#: What no event told and the next one did, by kind (states.REPAIRS): its noun, and the plural where
#: that is not the noun and an s.
NOT_REPORTED = {
    "switch_not_seen": ("context switch", "context switches"),
    "switched_in_while_blocked": ("wake-up",),
    "switched_in_while_running": ("switch away", "switches away"),
    "call_entry_not_seen": ("entry of a system call", "entries of system calls"),
    "call_return_not_seen": ("return from a system call", "returns from system calls"),
    "interrupt_not_seen": ("edge of an interrupt", "edges of interrupts"),
}
#: What a part of the path is called where it stands beside a place in the program.
PART_LINES = {
    "user": "own code",
    "syscall:io": "I/O",
    "syscall:poll": "I/O (poll)",
    "syscall:io_uring": "I/O (io_uring)",
    "syscall:futex": "lock call",
    "syscall:sleep": "timer call",
    "syscall:memory": "memory call",
    "syscall:process": "process call",
    "syscall:other": "other call",
    "kernel_workers": "waiting: kernel's workers",
    "wakeup:idle": "woken, CPU asleep",
    "wakeup:queued": "woken, CPU busy or held",
    "preempted": "pushed off the CPU",
    "yielded": "gave its CPU up",
    "sleep": "waiting: a timer",
    "timed_wait": "waiting: until a time-out",
    "external": "waiting: outside world",
    "unknown": LINES["unknown"],
}


def in_prose(line: str) -> str:
    """The label of a line of `COMPARED_LINES` in a sentence: without the mark of an estimate."""
    return COMPARED_LINES[line].lstrip("~ ")


#: Each term in a sentence; docs/words.md is made of them.
WORDS: dict[str, str] = {
    "accounted": "The part of the measured time that has a name; the rest is the residual. A"
    " residual above 1 % is a warning and exit status 3.",
    "busy polling": "Asking in a loop, with time-out 0, whether a file descriptor is ready, where a"
    " call that waits would sleep.",
    "context switch": "A CPU stops running one thread and runs another: voluntary if the thread"
    " went to sleep, involuntary if it was still runnable.",
    "critical path": "The chain of events that decided when the run ended, followed back through"
    " wake-ups: while a thread sleeps, the path is in the thread that later wakes it.",
    "cross-CPU wake-up": "A thread is woken from one CPU and runs on another one, which was idle"
    " (asleep or polling) or busy with another thread.",
    "delivery": "The first part of a wake-up to an idle CPU: from waking the thread until it is on"
    " that CPU's run queue. A halted CPU must be interrupted first.",
    "disk": "Waiting in a call that returns when data is on the disk (fsync, fdatasync, sync,"
    " syncfs, sync_file_range, msync), or elsewhere for a block device (the kernel marks such"
    " sleeps).",
    "external": "Waiting for something outside the program: a device, a kernel thread or another"
    " process.",
    "hand-over": "A thread on the critical path wakes another one, and the path goes on in that.",
    "held back": "Ready to run and not allowed to: its control group had used up its CPU quota"
    " (throttled), or its CPU was idle and the thread might not run there.",
    "hop": "One byte moved by one task: the unit of work of the brigades.",
    "inferred": "Not seen as an event, but told by the next event of the same thread or CPU.",
    "I/O": "Time on a CPU inside read, write, send, receive, poll, epoll and io_uring calls, and"
    " calls on files.",
    "io-wq worker": "A thread that the kernel creates in the program to perform an io_uring"
    " operation that would block.",
    "idle state": "What a CPU without work does: it polls for work, or halts and must be"
    " interrupted. Deeper states save more energy and take longer to leave.",
    "IPI": "An interrupt that one CPU sends to another, here to make it look at its run queue.",
    "kernel time outside calls": "Page faults, deferred work, entering and leaving system calls,"
    " and tracing them: the kernel's part of the time outside calls. An estimate (~): system time,"
    " which the kernel samples at its clock tick, minus the time in calls.",
    "kernel workers": "Threads that the kernel runs for the program: io_uring's pollers and"
    " workers.",
    "losses": "Events that could not be recorded; the numbers they affect are too small.",
    "migration": "The kernel moves a thread from one CPU's run queue to another's.",
    "network": "Waiting for packets. A process of the same host that sent them is named.",
    "observer effect": "The slowdown caused by the tracing itself: the same workload run with and"
    " without the probes, in pairs.",
    "own code": "Time on a CPU outside system calls, including page faults and interrupts there.",
    "p50, p90, p99": "Percentiles: half of the times are at most p50, 90 % at most p90, 99 % at"
    " most p99. Of 1,000 times ten are longer than p99.",
    "place": "The innermost function of the program's own code on the stack, with its line and what"
    " it called.",
    "points": "Percentage points: from 30 % to 33 % is 3 points.",
    "preempted": "Taken off its CPU in favour of another thread while still runnable.",
    "residual": "Measured time without a name: the total minus all parts.",
    "sample": "A look at the critical path at one moment, with the thread that was on it and mostly"
    " its stack. A place with 30 % of the samples has about 30 % of the time.",
    "sampling error (+-)": "How far a share may be off because it is found from samples: with a"
    " probability of 95 % the exact one is at most so many points away. More samples make it"
    " smaller: four times as many halve it.",
    "steal": "Time in which the host ran something else on a CPU of this virtual machine.",
    "switching": "The next thread was runnable but not running: its CPU was leaving an idle state,"
    " was running another thread, or was performing the switch itself.",
    "task work": "What the kernel has a thread do on its next return to user mode, such as"
    " completing an io_uring operation whose file became ready.",
    "the switch itself": "Saving one thread and loading the next. An estimate (~): the number of"
    " switches on the path times the cost of one, calibrated on this host beside the run.",
    "timed wait": "A wait for a lock or an event that ended by its time-out, where it is not known"
    " which thread had what it waited for. Where that is known, the path goes on in that thread.",
    "wake-up latency": "From the moment a thread is woken until it runs.",
    "what if": "The most that could be gained, as bounds: the window against the window less its"
    " switching; and with the path's wake-ups to another CPU as short as those on the same CPU were"
    " in this run. Nothing else is assumed to get slower.",
    LINES["wakeup:idle"]: "The thread was woken onto an idle CPU, which must first be"
    " interrupted and leave its idle state.",
    LINES["wakeup:queued"]: "The thread was woken while its CPU ran another one"
    " (run-queue latency).",
    "yielded": "Off its CPU by sched_yield while still runnable. getrusage counts it as"
    " involuntary.",
    "~": "An estimate, not a measurement of this run.",
}
