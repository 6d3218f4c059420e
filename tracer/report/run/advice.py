"""What the ledger means in one sentence, and the next command; both derived from the numbers."""

from __future__ import annotations

from tracer.analysis.run.summary import Summary
from tracer.units import plain

_CAUSES = {
    "wakeup:idle": "while a sleeping CPU woke",
    "wakeup:queued": "behind another thread on its CPU",
    "preempted": "after another thread had pushed it off the CPU",
}


def in_words(s: Summary) -> str:
    """One sentence on the largest share of the wall ledger."""
    head = s.headline
    shares = {
        "switching": head.switching,
        "io": head.io or 0.0,
        "user": head.user or 0.0,
        "system": head.system or 0.0,
        "waiting": head.waiting,
        "on_cpu": head.on_cpu if s.light else 0.0,
    }
    largest = max(shares, key=lambda name: shares[name])
    amount = f"In words: for {100 * shares[largest]:.0f} % of the time"
    if largest == "switching":
        cause = max(_CAUSES, key=lambda name: s.wall.parts[name])
        if s.headline.switch_cost_ns > s.wall.parts[cause]:
            return f"{amount} a CPU was busy changing from one thread to the next."
        return f"{amount} the next thread was ready but not yet running, mostly {_CAUSES[cause]}."
    if largest == "io":
        return f"{amount} a thread was moving data: inside read, write and poll calls."
    if largest == "user":
        return f"{amount} the program was computing in its own code."
    if largest == "system":
        return f"{amount} a thread was inside system calls other than I/O."
    if largest == "on_cpu":
        return f"{amount} a thread was running; --light does not tell code from system calls."
    return f"{amount} all waited for a timer or for something outside the program."


def try_next(s: Summary) -> str:
    """The command that tests or details what the ledger says."""
    return plain(s.again.replace("{}", _option(s), 1))


def _option(s: Summary) -> str:
    """The option it has more, or as many as it can do without."""
    head = s.headline
    can_pin = s.kind != "attach"
    if s.light:
        return ""
    if can_pin and not s.cpus and len(s.online_cpus) > 1 and s.wall.share("wakeup:idle") > 0.1:
        return f" --cpus {s.online_cpus[-1]}"
    if s.cpus and len(s.cpus) == 1 and head.switching > 0.2:
        return ""
    if s.syscalls is None and (head.io or 0) + (head.system or 0) > 0.2:
        return " --probe sched,syscalls"
    if (head.user or 0) > 0.5 or not s.top:
        return " --top 5"
    return " --light"
