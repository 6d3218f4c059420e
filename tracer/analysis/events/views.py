"""The views of `tracer query`: what each is, its columns, and how it is made of tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracer.model.hops import PARTS


@dataclass(frozen=True)
class View:
    """`columns`: name -> meaning. `sql` makes it of base tables, whose names begin with `_`."""

    summary: str
    columns: Mapping[str, str]
    sql: str


_TIME = "ns since the window opened"
_CALLED = "LEFT JOIN _calls {0} ON {0}.nr = {1}"
_THREAD = "LEFT JOIN _threads {0} ON {0}.slot = {1}"


def _joins(*pairs: tuple[str, str], of: str = _THREAD) -> str:
    return " ".join(of.format(alias, column) for alias, column in pairs)


VIEWS: dict[str, View] = {
    "threads": View(
        "the threads of the target",
        {
            "tid": "thread's number",
            "tgid": "its process",
            "thread": "its name",
            "slot": "its number in the raw events",
        },
        "SELECT tid, tgid, name AS thread, slot FROM _threads",
    ),
    "switches": View(
        "context switches of all CPUs",
        {
            "t_ns": _TIME,
            "cpu": "CPU",
            "out_tid": "who left it; null: not of the target",
            "out_thread": "its name",
            "why": "sleeps, pushed off, yielded",
            "in_tid": "who came; 0: nobody, the CPU is idle",
            "in_thread": "its name; null: not of the target",
        },
        f"""SELECT t_ns, cpu, o.tid AS out_tid, o.name AS out_thread,
            CASE WHEN s.out_slot = 0 THEN NULL WHEN s.yielded THEN 'yielded'
                 WHEN s.preempt OR s.state = 0 THEN 'pushed off' ELSE 'sleeps' END AS why,
            s.in_tid, i.name AS in_thread
            FROM _switches s {_joins(("o", "s.out_slot"), ("i", "s.in_slot"))}""",
    ),
    "wakeups": View(
        "wake-ups of the target's threads",
        {
            "t_ns": _TIME,
            "cpu": "CPU of the waker",
            "waker_tid": "who woke; null: not of the target",
            "waker": "its name",
            "woken_tid": "whom",
            "woken": "its name",
            "source": "process, timer, hard_irq, softirq, ...",
            "outcome": "ended_sleep, early (it still ran), on_its_way",
        },
        f"""SELECT t_ns, cpu, a.tid AS waker_tid, a.name AS waker, b.tid AS woken_tid,
            b.name AS woken, s.name AS source,
            CASE w.outcome WHEN 2 THEN 'ended_sleep' WHEN 1 THEN 'early' ELSE 'on_its_way' END
                AS outcome
            FROM _wakeups w {_joins(("a", "w.waker_slot"), ("b", "w.woken_slot"))}
            LEFT JOIN _sources s ON s.number = w.source""",
    ),
    "syscalls": View(
        "system calls that returned",
        {
            "start_ns": _TIME,
            "end_ns": _TIME,
            "ns": "how long it took",
            "off_cpu_ns": "of it off the CPU",
            "cpu": "CPU on which it returned",
            "tid": "who",
            "thread": "its name",
            "call": "name",
            "class": "io, poll, futex, ...",
            "first": "first argument, 32 bits: of most calls the descriptor",
            "result": "what it returned; negative: an error",
        },
        f"""SELECT start_ns, end_ns, end_ns - start_ns AS ns, off_cpu_ns, cpu, t.tid,
            t.name AS thread, n.name AS call, n.class, c.first, c.result
            FROM _syscalls c {_joins(("t", "c.slot"))} {_joins(("n", "c.nr"), of=_CALLED)}""",
    ),
    "hops": View(
        "hops from one thread to the next",
        {
            "start_ns": _TIME,
            "waking_ns": "when the thread was woken; null: nobody was",
            "end_ns": _TIME,
            "ns": "how long it took",
            "kind": "as in docs/hops.md",
            "waker_tid": "from whom",
            "waker": "its name",
            "woken_tid": "to whom",
            "woken": "its name",
            "from_call": "the waker's call",
            "to_call": "the woken thread's call",
            "waker_cpu": "CPU of the waker",
            "cpu": "CPU of the woken thread",
            "cpu_slept_ns": "how long that CPU had slept; null: it did not",
            "*_ns": "the parts, which sum to ns: " + ", ".join(f"{part}_ns" for part in PARTS),
        },
        f"""SELECT start_ns, waking_ns, end_ns, end_ns - start_ns AS ns, k.name AS kind,
            a.tid AS waker_tid, a.name AS waker, b.tid AS woken_tid, b.name AS woken,
            n.name AS from_call, m.name AS to_call, waker_cpu, cpu, cpu_slept_ns,
            {", ".join(f"{part}_ns" for part in PARTS)}
            FROM _hops h LEFT JOIN _kinds k ON k.number = h.kind
            {_joins(("a", "h.waker_slot"), ("b", "h.woken_slot"))}
            {_joins(("n", "h.waker_nr"), ("m", "h.woken_nr"), of=_CALLED)}""",
    ),
    "path": View(
        "the critical path, in order of time: it tiles the window",
        {
            "start_ns": _TIME,
            "end_ns": _TIME,
            "ns": "how long this piece is",
            "tid": "the thread that it is in",
            "thread": "its name",
            "part": "its state: user, syscall:io, wakeup:idle, preempted, ...",
            "call": "the system call that the thread is in; null: in none",
            "cpu": "CPU",
            "behind_tid": "who ran there longest while it waited for the CPU",
            "behind_ns": "for how long",
        },
        f"""SELECT start_ns, end_ns, end_ns - start_ns AS ns, p.tid, t.name AS thread,
            s.name AS part, n.name AS call, cpu, behind_tid, behind_ns
            FROM _path p LEFT JOIN _parts s ON s.number = p.part
            {_joins(("t", "p.slot"))} {_joins(("n", "p.nr"), of=_CALLED)}""",
    ),
    "tasks": View(
        "descriptors that threads move data on: of an async program, its tasks",
        {
            "tid": "who",
            "thread": "its name",
            "fd": "the descriptor",
            "receives": "calls that received data",
            "found_nothing": "receives that ended with EAGAIN",
            "received_bytes": "their sum",
            "sends": "calls that sent data",
            "sent_bytes": "their sum",
            "first_ns": "its first such call's return: " + _TIME,
            "last_ns": "its last one's",
        },
        f"""SELECT t.tid, t.name AS thread, c.first AS fd,
            count(*) FILTER (n.receives AND c.result > 0) AS receives,
            count(*) FILTER (n.receives AND c.result = -11) AS found_nothing,
            coalesce(sum(c.result) FILTER (n.receives AND c.result > 0), 0)::BIGINT
                AS received_bytes,
            count(*) FILTER (n.sends AND c.result > 0) AS sends,
            coalesce(sum(c.result) FILTER (n.sends AND c.result > 0), 0)::BIGINT AS sent_bytes,
            min(c.end_ns) AS first_ns, max(c.end_ns) AS last_ns
            FROM _syscalls c JOIN _calls n ON n.nr = c.nr AND (n.receives OR n.sends)
            {_joins(("t", "c.slot"))} GROUP BY t.tid, t.name, c.first""",
    ),
}
#: The base tables that each view needs.
NEEDS = {
    "threads": ("_threads",),
    "switches": ("_threads", "_switches"),
    "wakeups": ("_threads", "_wakeups", "_sources"),
    "syscalls": ("_threads", "_syscalls", "_calls"),
    "hops": ("_threads", "_hops", "_kinds", "_calls"),
    "path": ("_threads", "_path", "_parts", "_calls"),
    "tasks": ("_threads", "_syscalls", "_calls"),
}
