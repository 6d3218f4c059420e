"""Probe io_uring: operations by opcode, how they completed, and how long they took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer.model.histogram import Histogram
from tracer.model.probe import Arrays, Context, KernelTypes, Probe
from tracer.model.section import Cell, Scale, Section, Table, Time
from tracer.units import count, count_or_unknown, rate

#: How an operation completed, in the order of the C array.
WAYS = ("inline", "poll", "worker", "later")
#: enum io_uring_op of linux/io_uring.h without IORING_OP_: new ones are only ever added at its end.
_NAMES = """
    nop readv writev fsync read_fixed write_fixed poll_add poll_remove sync_file_range sendmsg
    recvmsg timeout timeout_remove accept async_cancel link_timeout connect fallocate openat close
    files_update statx read write fadvise madvise send recv openat2 epoll_ctl splice
    provide_buffers remove_buffers tee shutdown renameat unlinkat mkdirat symlinkat linkat msg_ring
    fsetxattr setxattr fgetxattr getxattr socket uring_cmd send_zc sendmsg_zc read_multishot waitid
    futex_wait futex_wake futex_waitv fixed_fd_install ftruncate bind listen recv_zc epoll_wait
    readv_fixed writev_fixed pipe
"""
OPERATIONS = tuple(_NAMES.split())
_ROWS = 80  #: per CPU; later opcodes share the last one
_BUCKETS = 32768  #: of four requests each
_SUBMISSIONS = ("io_uring_submit_req", "io_uring_submit_sqe")
_HEAD_WORDS = 8  #: at most so much of a request is read at once


@dataclass(frozen=True)
class Operation:
    """One opcode in the window. `completed` by the names of WAYS; the histogram is in ns."""

    name: str
    submitted: int
    completed: Mapping[str, int]
    failed: int
    times: Histogram


@dataclass(frozen=True)
class UringRecord:
    """Operations, and counts of the target's threads over the window; None for what this kernel
    has no tracepoint for.

    `enters` and `submitted_by_enters` are None with --light. `more`: completions beyond the
    first of a submission. `untracked`: submissions whose completion could not be matched, since
    the table was full.
    """

    operations: Sequence[Operation] | None
    enters: int | None
    submitted_by_enters: int | None
    waits: int | None
    task_runs: int | None
    task_items: int | None
    local_runs: int | None
    local_items: int | None
    more: int | None
    overflows: int | None
    untracked: int | None

    @property
    def completed(self) -> int | None:
        """Completions of all kinds that this kernel tells; None where no operation is seen."""
        if self.operations is None:
            return None
        own = sum(sum(op.completed.values()) for op in self.operations)
        return own + (self.more or 0) + (self.overflows or 0)


def _place(types: KernelTypes, tracepoint: str, argument: str, default: int) -> int | None:
    """Index of an argument: `default` where its name is not known, None where it has none."""
    names = list(types.tracepoint_args(tracepoint) or ())
    if not any(names):
        return default
    return names.index(argument) if argument in names else None


def _head(types: KernelTypes) -> dict[str, object]:
    """Where a request keeps its opcode, flags and result, to be read at once at its completion.

    Empty where the request does not keep them until then: `cqe` is part of it since Linux 5.19
    (commit cef216fc32d7, "io_uring: explicitly keep a CQE in io_kiocb"); REQ_F_POLLED is cleared
    only after the completion.
    """
    polled = types.enum_value(None, "REQ_F_POLLED_BIT")
    members = ("opcode", "flags", "cqe.res")
    if polled is None or not all(types.has_member("io_kiocb", member) for member in members):
        return {}
    opcode, flags, result = (types.offset_of("io_kiocb", member) for member in members)
    start = min(opcode, flags, result) // 8 * 8
    words = (max(opcode, flags, result) + 4 - start + 7) // 8
    if words > _HEAD_WORDS:
        return {}
    return {
        "URING_HEAD": start,
        "URING_HEAD_WORDS": words,
        "URING_FLAGS": flags,
        "URING_POLLED_BIT": polled,
        "URING_RESULT": result,
    }


def _submission(types: KernelTypes) -> str:
    """The tracepoint of a submission: by its older name where that says which request it is.

    Renamed in Linux 6.4, commit 2ad57931db64 ("io_uring: rename trace_io_uring_submit_sqe()
    tracepoint").
    """
    new, old = _SUBMISSIONS
    if types.tracepoint_args(new) is None and "req" in (types.tracepoint_args(old) or ()):
        return old
    return new


def _unneeded(types: KernelTypes) -> tuple[str, ...]:
    """Tracepoints of the probe whose answer the request itself has, and the other name of one."""
    by_name = tuple(name for name in _SUBMISSIONS if name != _submission(types))
    return (*by_name, "io_uring_poll_arm") if _head(types) else by_name


def _macros(types: KernelTypes) -> dict[str, object]:
    """Offsets and places of arguments, which changed in Linux 5.19, 6.0 and 6.13."""

    def offset(struct: str, member: str) -> int:
        return types.offset_of(struct, member) if types.has_member(struct, member) else 0

    places = {
        "URING_SUBMIT_REQ": _place(types, _submission(types), "req", 0) or 0,
        "URING_POLL_REQ": _place(types, "io_uring_poll_arm", "req", 0) or 0,
        "URING_ASYNC_REQ": _place(types, "io_uring_queue_async_work", "req", 0) or 0,
        "URING_COMPLETE_REQ": _place(types, "io_uring_complete", "req", 1),
        "URING_COMPLETE_CQE": _place(types, "io_uring_complete", "cqe", 2),
        "URING_COMPLETE_RES": _place(types, "io_uring_complete", "res", 3) or 0,
    }
    return {
        **{name: index for name, index in places.items() if index is not None},
        **_head(types),
        "OFFSET_REQ_OPCODE": offset("io_kiocb", "opcode"),
        "OFFSET_CQE_RES": offset("io_uring_cqe", "res"),
        "URING_INLINE": WAYS.index("inline"),
        "URING_BY_POLL": WAYS.index("poll"),
        "URING_BY_WORKER": WAYS.index("worker"),
        "URING_LATER": WAYS.index("later"),
        "N_URING_WAYS": len(WAYS),
        "N_URING_OPS": _ROWS,
        "URING_BUCKETS": _BUCKETS,
        "URING_OP_POLL_ADD": OPERATIONS.index("poll_add"),
    }


def operation_name(op: int) -> str:
    """Name of an opcode as io_uring.c has it."""
    if op == _ROWS - 1:
        return "others"
    return OPERATIONS[op] if op < len(OPERATIONS) else f"op {op}"


def _read(arrays: Arrays, context: Context) -> UringRecord:
    """Operations seen in the window, the most completed first."""
    cpus = arrays["io_uring_cpus"]
    sums = {name: int(cpus[name].sum()) for name in cpus.dtype.names or ()}
    is_seen = any(map(context.saw, _SUBMISSIONS)) and context.saw("io_uring_complete")

    def told(name: str, by: str) -> int | None:
        return sums[name] if context.saw(by) else None

    return UringRecord(
        operations=_operations(arrays) if is_seen else None,
        enters=None if context.light else sums["enters"],
        submitted_by_enters=None if context.light else sums["submitted"],
        waits=told("waits", "io_uring_cqring_wait"),
        task_runs=told("task_runs", "io_uring_task_work_run"),
        task_items=told("task_items", "io_uring_task_work_run"),
        local_runs=told("local_runs", "io_uring_local_work_run"),
        local_items=told("local_items", "io_uring_local_work_run"),
        more=told("more", "io_uring_complete"),
        overflows=told("overflows", "io_uring_cqe_overflow"),
        untracked=sums["table_full"] if is_seen else None,
    )


def _operations(arrays: Arrays) -> list[Operation]:
    rows = arrays["io_uring_rows"].reshape(-1, _ROWS)
    submitted = rows["submitted"].astype(np.int64).sum(axis=0)
    completed = rows["completed"].astype(np.int64).sum(axis=0)
    seen = np.flatnonzero(submitted + completed.sum(axis=1))
    operations = [
        Operation(
            operation_name(op),
            int(submitted[op]),
            dict(zip(WAYS, completed[op].tolist(), strict=True)),
            int(rows["failed"][:, op].sum()),
            Histogram.merged(rows["ns"][:, op]),
        )
        for op in seen.tolist()
    ]
    return sorted(operations, key=lambda o: -sum(o.completed.values()))


# ---- the report ----


def _data(record: UringRecord) -> dict[str, Any]:
    enters, operations = record.enters, record.operations
    return {
        "enters": enters,
        "submitted_by_enters": record.submitted_by_enters,
        "enters_per_completion": (
            None if enters is None or not record.completed else enters / record.completed
        ),
        "waits": record.waits,
        "task_work": {"runs": record.task_runs, "items": record.task_items},
        "local_work": {"runs": record.local_runs, "items": record.local_items},
        "further_completions": record.more,
        "overflows": record.overflows,
        "untracked": record.untracked,
        "operations": None if operations is None else [_operation(op) for op in operations],
    }


def _operation(op: Operation) -> dict[str, Any]:
    return {
        "name": op.name,
        "submitted": op.submitted,
        "completed": dict(op.completed),
        "failed": op.failed,
        "latency_ns": op.times.data(),
    }


def _table(operations: Sequence[Operation], scale: Scale) -> Table:
    rows: list[list[Cell]] = [
        [op.name, count(op.submitted), rate(scale.per_unit(op.submitted))]
        + [count(op.completed[way]) for way in WAYS]
        + [count(op.failed)]
        + [Time.of(op.times.percentile_ns(q)) for q in (50, 99)]
        for op in operations
    ]
    columns = ["operation", "begun", f"per {scale.unit}", *WAYS, "failed", "p50", "p99"]
    return Table(columns, rows)


def _report(record: UringRecord, scale: Scale) -> Section:
    """Operations by opcode, then the calls and what runs between them."""
    title = "io_uring: operations, and how they came to their end"
    operations = record.operations
    if operations is None:
        blocks: list[str | Table] = ["unknown: this kernel does not tell what begins"]
        return Section(title, [*blocks, *_calls(record, scale)], _data(record))
    if not operations:
        return Section(title, ["The program submitted none."], _data(record))
    blocks = [_table(operations, scale), *_calls(record, scale)]
    blocks.append(
        f"task work: {count_or_unknown(record.task_runs)} runs for"
        f" {count_or_unknown(record.task_items)} items; of the ring's own:"
        f" {count_or_unknown(record.local_runs)} for {count_or_unknown(record.local_items)}"
    )
    silent = sum(max(op.submitted - sum(op.completed.values()), 0) for op in operations)
    for number, text in (
        (silent, "begun without a completion in the window: none asked for, or not yet there"),
        (record.more, "further completions (multishot operations, messages)"),
        (record.overflows, "completions overflowed their ring: it is too small"),
        (record.untracked, "submissions could not be followed: too many in flight"),
    ):
        if number:
            blocks.append(f"{count(number)} {text}")
    return Section(title, blocks, _data(record))


def _calls(record: UringRecord, scale: Scale) -> list[str]:
    """The line on io_uring_enter; none where calls were not seen."""
    if record.enters is None:
        return []
    done = record.completed
    per = "" if done is None else f" ({rate(record.enters / max(done, 1))} per completion)"
    return [
        f"{count(record.enters)} calls of io_uring_enter{scale.each(record.enters)}{per};"
        f" {count_or_unknown(record.waits)} times one waited for completions"
    ]


PROBE = Probe(
    summary="io_uring: operations by opcode, how they completed and how long they took",
    hooks=("call_ended",),
    #: the last two only to be emptied before a run
    arrays=("io_uring_rows", "io_uring_cpus", "io_uring_buckets", "io_uring_left"),
    states={
        "io_uring_buckets": (),
        "io_uring_left": (),
    },
    read=_read,
    report=_report,
    tracepoints=(
        *_SUBMISSIONS,
        "io_uring_complete",
        "io_uring_poll_arm",
        "io_uring_queue_async_work",
        "io_uring_task_work_run",
        "io_uring_local_work_run",
        "io_uring_cqring_wait",
        "io_uring_cqe_overflow",
    ),
    unneeded=_unneeded,
    calls=("io_uring_enter",),
    macros=_macros,
)
