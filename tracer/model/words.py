"""The terms of a report, a sentence each: `tracer help words` and docs/words.md."""

WORDS: dict[str, str] = {
    "accounted": "How much of the measured time has a name; the rest is the residual, and more than"
    " 1 % of it is a warning and exit status 3.",
    "busy polling": "Asking again and again with time-out 0 whether something is ready, where a"
    " call that waits would sleep.",
    "context switch": "A CPU stops running one thread and runs another: voluntary when the thread"
    " went to sleep, involuntary when it could have gone on.",
    "critical path": "The chain of events that decided when the run ended, followed back through"
    " wake-ups: while a thread slept, the path is at the thread that later woke it.",
    "cross-CPU wake-up": "A thread woken from one CPU and run on another, which was idle (asleep or"
    " polling) or busy with another thread.",
    "delivery": "Of a wake-up to an idle CPU: from waking the thread until it is on that CPU's"
    " queue. A halted CPU must first be interrupted.",
    "external": "Waiting for something outside the program: a device, or another process.",
    "hop": "One byte moved by one task: the unit of work of the brigades.",
    "I/O": "Time on a CPU inside read, write, send, receive, poll and epoll calls.",
    "io-wq worker": "A thread that the kernel makes in the program to do an io_uring operation that"
    " would block.",
    "idle state": "What a CPU without work does: it polls for work, or halts and must be"
    " interrupted. Deeper states save more and take longer to leave.",
    "IPI": "An interrupt that one CPU sends to another, here to make it look at its queue.",
    "losses": "Events that could not be recorded; the numbers they touch are too small.",
    "migration": "The kernel moved a thread from one CPU's queue to another's.",
    "observer effect": "What tracing itself cost: the same workload run with and without the"
    " probes, in pairs.",
    "own code": "Time on a CPU outside the kernel; page faults and interrupts there count as it.",
    "preempted": "Pushed off its CPU by another thread while it still had work.",
    "residual": "Measured time without a name: the total minus all the parts.",
    "steal": "Time in which the host ran something else on a CPU of this virtual machine.",
    "switching": "The next thread was ready but not yet running: its CPU was waking up, another"
    " thread was on it, or the switch itself was going on.",
    "task work": "What the kernel has a thread do on its next way out of the kernel, such as"
    " finishing an io_uring operation whose file became ready.",
    "the switch itself": "Saving one thread and loading the next: an estimate (~), the switches on"
    " the path times their cost as measured on this host just before the run.",
    "wake-up latency": "From the moment a thread is woken until it runs.",
    "woken, but the CPU was asleep": "The thread was woken onto an idle CPU, which must first be"
    " interrupted and leave its sleep state.",
    "woken, waited behind another thread": "The thread was woken while its CPU ran another one.",
    "~": "An estimate, not a measurement of this run.",
}

#: The lines of the wall ledger as a reader sees them, and the label of each.
LINES = {
    "wakeup:idle": "woken, but the CPU was asleep",
    "wakeup:queued": "woken, waited behind another thread",
    "preempted": "pushed off the CPU by another thread",
    "switch": "~ the switch itself (estimate)",
    "io": "I/O (inside read, write and poll calls)",
    "user": "the program's own code",
    "system": "other system calls",
    "waiting": "waiting (timers, outside world)",
    "unknown": "without a name",
}
