"""Probe waits: calls that slept, by thread, call, what the descriptor is, and what woke them."""

from __future__ import annotations

import socket
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.model.probe import Arrays, Context, KernelTypes, Probe
from tracer.model.section import Cell, Scale, Section, Table, Time, Total
from tracer.model.states import SOURCES, indices
from tracer.model.syscalls import MOVES_BYTES, class_of, name_of
from tracer.model.threads import SLOT_BITS, pattern
from tracer.units import count, plain

#: How a call that slept came to its end, in the order of the C.
OUTCOMES = ("done", "timed_out", "interrupted", "failed")
#: Rows of waits in the report, in the JSON document, and descriptors named of each.
_MOST, _MOST_DATA, _MOST_DESCRIPTORS = 8, 64, 4
_PLACE_BITS = 13
#: A thread that has asked epoll so often in a window has an event loop. Its waits are a kind of
#: their own, but for the calls in which such a thread waits for its tasks, or for others to end.
LOOP_POLLS = 10
FOR_WORK = ("poll", "futex", "io_uring", "process")
_NAME_LENGTH = 32
_EPOLL = ("epoll_wait", "epoll_pwait", "epoll_pwait2")
#: Bands are octaves; the first one is all below 2^16 ns.
_FIRST_OCTAVE, _BANDS = 16, 20
#: Parts of a key above the slot's and the call's bits.
_CALL_BITS, _OUTCOME_BITS, _SOURCE_BITS = 10, 2, 3
_ENDED_SHIFT = SLOT_BITS + _CALL_BITS
_DESCRIPTOR_SHIFT = _ENDED_SHIFT + _OUTCOME_BITS + _SOURCE_BITS
_WIDTH = 34  # of a descriptor in the text
_PROTOCOLS = {6: "tcp", 17: "udp", 1: "icmp", 132: "sctp", 262: "mptcp"}
_FAMILIES = {1: "unix", 2: "inet", 10: "inet6", 16: "netlink", 17: "packet", 40: "vsock"}
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "block device",
}
#: Names of what has no file, as the kernel gives them.
_KERNELS_OWN = frozenset(
    f"[{name}]" for name in ("eventpoll", "eventfd", "timerfd", "signalfd", "io_uring", "pidfd")
)
#: By whom a thread was woken, in words.
ENDED_BY = {
    "process": "own thread",
    "timer": "timer",
    "hard_irq": "device",
    "softirq": "network, disk",
    "kernel_thread": "kernel thread",
    "other_process": "another process",
    "kernel_worker": "kernel worker",
}


@dataclass(frozen=True)
class Descriptor:
    """What a file descriptor was when a thread first slept in a call on it.

    `kind`: file, directory, pipe, device, tcp, udp, unix, ... or the kernel's own (eventpoll,
    timerfd, ...). `name`: the last part of a file's path, empty where it has none. Ports are 0 and
    `peer` is empty where there is none; `peer_pid`: of a Unix socket.
    """

    kind: str
    name: str = ""
    own_port: int = 0
    peer: str = ""
    peer_port: int = 0
    peer_pid: int = 0

    @property
    def text(self) -> str:
        """`tcp 127.0.0.1:5432`, `file wal.log`."""
        if self.peer_port:
            host = f"[{self.peer}]" if ":" in self.peer else self.peer
            return f"{self.kind} {host}:{self.peer_port}"
        if self.own_port:
            return f"{self.kind} port {self.own_port}"
        return f"{self.kind} {self.name}".strip()


@dataclass(frozen=True)
class Wait:
    """One kind of wait of the threads of a group in one process. Times in ns.

    `threads`: those that waited so; `ended_by`: one of `SOURCES`, who woke them; `outcome`: one of
    `OUTCOMES`. `span_ns`: from the first one's start to the last one's end; `of_pool`: those of the
    threads that also waited for a futex, as a pool's do for work. `polls`: how often each of the
    threads asked epoll in the window, at least, asleep or not. `bytes`: that they moved.
    `bands`: from how long a sleep on (ns), calls and their sum. `descriptors`: what they were on,
    with calls and sum, the longest first.
    """

    pid: int
    group: str
    threads: int
    call: str
    ended_by: str
    outcome: str
    calls: int
    total_ns: int
    least_ns: int
    longest_ns: int
    span_ns: int
    of_pool: int
    polls: int
    bytes: int
    bands: tuple[tuple[int, int, int], ...]
    descriptors: tuple[tuple[Descriptor, int, int], ...]


@dataclass(frozen=True)
class WaitsRecord:
    """All kinds of waits, the longest first; calls for which the table had no room."""

    waits: tuple[Wait, ...]
    unplaced: int


def _field(keys: NDArray[np.uint64], shift: int, bits: int) -> NDArray[np.int64]:
    return (keys >> np.uint64(shift) & np.uint64((1 << bits) - 1)).astype(np.int64)


def _text(value: bytes) -> str:
    return bytes(value).split(b"\0")[0].decode(errors="replace")


def _descriptor(row: np.void) -> Descriptor | None:
    """None where the call had no descriptor, or the kernel did not tell what it was."""
    mode, name = int(row["mode"]), _text(row["file"])
    if not (mode or int(row["inode"])):
        return None
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFIFO:
        return Descriptor("pipe", name)
    if kind == stat.S_IFSOCK:
        return _socket(row)
    if name in _KERNELS_OWN:
        return Descriptor(name.strip("[]"))
    return Descriptor(_KINDS.get(kind, "file"), name)


def _socket(row: np.void) -> Descriptor:
    family = int(row["family"])
    if family not in (2, 10):
        kind = _FAMILIES.get(family, "socket")
        return Descriptor(f"{kind} socket", peer_pid=int(row["peer_pid"]))
    address = row["peer"].tobytes()
    peer = (
        socket.inet_ntop(socket.AF_INET, address[:4])
        if family == 2
        else socket.inet_ntop(socket.AF_INET6, address)
    )
    port = int(row["peer_port"])
    return Descriptor(
        _PROTOCOLS.get(int(row["protocol"]), "socket"),
        own_port=int(row["own_port"]),
        peer=peer.removeprefix("::ffff:") if port else "",
        peer_port=port,
    )


def _read(arrays: Arrays, context: Context) -> WaitsRecord:
    rows = arrays["wait_places"]
    rows = _of_window(rows[(rows["key"] != 0) & (rows["calls"] != 0)], arrays["ctl"][0])
    keys = rows["key"]
    slots, calls = _field(keys, 0, SLOT_BITS), _field(keys, SLOT_BITS, _CALL_BITS)
    outcomes = _field(keys, _ENDED_SHIFT, _OUTCOME_BITS)
    sources = _field(keys, _ENDED_SHIFT + _OUTCOME_BITS, _SOURCE_BITS)
    births = arrays["threads"]["birth_ns"]
    polls = arrays["wait_polls"].astype(np.int64)
    own = slots < len(births)
    own[own] = births[slots[own]] == rows["birth_ns"][own]
    groups: dict[tuple[int, str, int, int, int, str, bool], list[int]] = defaultdict(list)
    on_descriptor = (rows["mode"] != 0) | (rows["inode"] != 0)
    found: list[Descriptor | None] = [None] * len(rows)
    for index in np.flatnonzero(on_descriptor).tolist():
        found[index] = _descriptor(rows[index])
    classes = {number: class_of(name_of(number)) for number in set(calls.tolist())}
    for_work = [number for number, cls in classes.items() if cls in FOR_WORK]
    is_loop = ~np.isin(calls, for_work) & (polls[slots] >= LOOP_POLLS)
    columns = (rows["tgid"], calls, sources, outcomes, is_loop, slots, own)
    for index, (pid, call, source, outcome, loops, slot, is_own) in enumerate(
        zip(*(column.tolist() for column in columns), strict=True)
    ):
        name = context.groups.get(slot) if is_own else None
        descriptor = found[index]
        group = name or pattern(_text(rows["comm"][index]))
        kind = descriptor.kind if descriptor else ""
        groups[(pid, group, call, source, outcome, kind, loops)].append(index)
    is_futex = np.isin(calls, [number for number, cls in classes.items() if cls == "futex"])
    takes_work = _threads(rows[is_futex], slots[is_futex])
    waits = [
        _wait(
            key,
            rows[indexes],
            [found[i] for i in indexes],
            slots[indexes],
            takes_work,
            int(polls[slots[indexes]].min()),
        )
        for key, indexes in groups.items()
    ]
    waits.sort(key=lambda wait: (-wait.total_ns, wait.pid, wait.group, wait.call))
    return WaitsRecord(tuple(waits), int(arrays["wait_unplaced"].sum()))


def _of_window(rows: NDArray[np.void], ctl: np.void) -> NDArray[np.void]:
    """The same; a row that has counted since the window's end tells the first and the last time of
    the next window: of this one it is known that they were in it."""
    rows = rows.copy()
    later = rows["epoch"] != ctl["epoch"]
    rows["first_ns"][later], rows["last_ns"][later] = ctl["start_ns"], ctl["end_ns"]
    return rows


def _threads(rows: NDArray[np.void], slots: NDArray[np.int64]) -> set[tuple[int, int]]:
    """The threads of rows: a slot, and when its thread was born."""
    return set(zip(slots.tolist(), rows["birth_ns"].tolist(), strict=True))


def _wait(
    key: tuple[int, str, int, int, int, str, bool],
    rows: NDArray[np.void],
    descriptors: Sequence[Descriptor | None],
    slots: NDArray[np.int64],
    takes_work: set[tuple[int, int]],
    polls: int,
) -> Wait:
    pid, group, number, source, outcome, _kind, _is_loop = key
    threads = _threads(rows, slots)
    on: dict[Descriptor, list[int]] = defaultdict(lambda: [0, 0])
    counted = zip(rows["calls"].tolist(), rows["ns"].tolist(), descriptors, strict=True)
    for times, ns, descriptor in counted:
        if descriptor is not None:
            on[descriptor][0] += times
            on[descriptor][1] += ns
    longest_first = sorted(on.items(), key=lambda item: (-item[1][1], item[0].text))
    return Wait(
        pid=pid,
        group=group,
        threads=len(threads),
        call=name_of(number),
        ended_by=SOURCES[source] if source < len(SOURCES) else SOURCES[0],
        outcome=OUTCOMES[outcome],
        calls=int(rows["calls"].sum()),
        total_ns=int(rows["ns"].sum()),
        least_ns=int(rows["least"].min()),
        longest_ns=int(rows["max"].max()),
        span_ns=int(rows["last_ns"].max()) - int(rows["first_ns"].min()),
        of_pool=len(threads & takes_work),
        polls=polls,
        bytes=int(rows["bytes"].sum()) if name_of(number) in MOVES_BYTES else 0,
        bands=tuple(_bands(rows)),
        descriptors=tuple((descriptor, n, ns) for descriptor, (n, ns) in longest_first),
    )


def _bands(rows: NDArray[np.void]) -> Iterator[tuple[int, int, int]]:
    calls, ns = rows["band_calls"].sum(axis=0), rows["band_ns"].sum(axis=0)
    for band in np.flatnonzero(calls).tolist():
        yield (1 << (_FIRST_OCTAVE + band - 1) if band else 0, int(calls[band]), int(ns[band]))


# ---- the report ----


def _on(wait: Wait) -> str:
    if not wait.descriptors:
        return ""
    more = f" +{len(wait.descriptors) - 1}" if len(wait.descriptors) > 1 else ""
    text = plain(wait.descriptors[0][0].text)
    width = _WIDTH - len(more)
    return (text if len(text) <= width else f"{text[: width - 2]}..") + more


def _report(record: WaitsRecord, _scale: Scale) -> Section:
    """The longest waits; the kinds of waits that nobody ended but a time-out are marked."""
    title = "Sleeps in system calls (all threads; what woke them at their last sleep)"
    if not record.waits:
        return Section(title, ["no call slept"], _data(record))
    rows: list[list[Cell]] = [
        [
            plain(wait.group),
            f"{wait.call}{', time-out' if wait.outcome == 'timed_out' else ''}",
            _on(wait),
            ENDED_BY[wait.ended_by],
            count(wait.calls),
            Total(wait.total_ns),
            Time(wait.longest_ns),
        ]
        for wait in record.waits[:_MOST]
    ]
    columns = ["thread", "call", "on", "woken by", "calls", "asleep", "max"]
    blocks: list[str | Table] = [Table(columns, rows, left=4)]
    if len(record.waits) > _MOST:
        blocks.append(f"and {count(len(record.waits) - _MOST)} more kinds (--json has them)")
    if record.unplaced:
        blocks.append(f"{count(record.unplaced)} calls are in no line: the table was full")
    return Section(title, blocks, _data(record))


def _data(record: WaitsRecord) -> dict[str, Any]:
    return {
        "rows": [_row(wait) for wait in record.waits[:_MOST_DATA]],
        "other_rows": max(len(record.waits) - _MOST_DATA, 0),
        "unplaced_calls": record.unplaced,
    }


def _row(wait: Wait) -> dict[str, Any]:
    return {
        "pid": wait.pid,
        "group": wait.group,
        "threads": wait.threads,
        "call": wait.call,
        "class": class_of(wait.call),
        "ended_by": wait.ended_by,
        "outcome": wait.outcome,
        "calls": wait.calls,
        "total_ns": wait.total_ns,
        "least_ns": wait.least_ns,
        "longest_ns": wait.longest_ns,
        "span_ns": wait.span_ns,
        "of_pool": wait.of_pool,
        "polls": wait.polls,
        "bytes": wait.bytes,
        "bands": [{"from_ns": at, "calls": n, "total_ns": ns} for at, n, ns in wait.bands],
        "descriptors": [
            {
                "kind": on.kind,
                "name": on.name or None,
                "text": on.text,
                "own_port": on.own_port or None,
                "peer": on.peer or None,
                "peer_port": on.peer_port or None,
                "peer_pid": on.peer_pid or None,
                "calls": n,
                "total_ns": ns,
            }
            for on, n, ns in wait.descriptors[:_MOST_DESCRIPTORS]
        ],
    }


#: (macro, type, member) of what tells what a descriptor is.
_MEMBERS = (
    ("TASK_FILES", "task_struct", "files"),
    ("FILES_TABLE", "files_struct", "fdt"),
    ("TABLE_SIZE", "fdtable", "max_fds"),
    ("TABLE_FILES", "fdtable", "fd"),
    ("FILE_INODE", "file", "f_inode"),
    ("FILE_ENTRY", "file", "f_path.dentry"),
    ("FILE_PRIVATE", "file", "private_data"),
    ("ENTRY_NAME", "dentry", "d_name.name"),
    ("INODE_NUMBER", "inode", "i_ino"),
    ("INODE_MODE", "inode", "i_mode"),
    ("SOCKET_SOCK", "socket", "sk"),
    ("SOCK_FAMILY", "sock", "__sk_common.skc_family"),
    ("SOCK_PEER_PORT", "sock", "__sk_common.skc_dport"),
    ("SOCK_OWN_PORT", "sock", "__sk_common.skc_num"),
    ("SOCK_PEER", "sock", "__sk_common.skc_daddr"),
    ("SOCK_PEER6", "sock", "__sk_common.skc_v6_daddr"),
    ("SOCK_PROTOCOL", "sock", "sk_protocol"),
    ("SOCK_PEER_PID", "sock", "sk_peer_pid"),
    ("PID_NUMBER", "pid", "numbers"),
)


def _macros(types: KernelTypes) -> dict[str, object]:
    """Without one of the members descriptors have no names: a kernel without IPv6, for one."""
    members = {}
    if all(types.has_member(kind, member) for _name, kind, member in _MEMBERS):
        members = {f"OFFSET_{name}": types.offset_of(kind, at) for name, kind, at in _MEMBERS}
    return {
        **indices("WAIT_", OUTCOMES),
        **members,
        "WAIT_PLACE_BITS": _PLACE_BITS,
        "WAIT_NAME_LENGTH": _NAME_LENGTH,
        "WAIT_FIRST_OCTAVE": _FIRST_OCTAVE,
        "N_WAIT_BANDS": _BANDS,
        "WAIT_OUTCOME_BITS": _OUTCOME_BITS,
        "WAIT_ENDED_SHIFT": _ENDED_SHIFT,
        "WAIT_DESCRIPTOR_SHIFT": _DESCRIPTOR_SHIFT,
    }


_KEYS = ("key", "birth_ns", "least", "first_ns", "last_ns", "inode", "mode", "family", "protocol",
         "own_port", "peer_port", "peer_pid", "peer", "tgid", "epoch", "comm", "file")  # fmt: skip

PROBE = Probe(
    summary="calls that slept: which thread, on what file or socket, how long, who woke it",
    hooks=("call_ended",),
    arrays=("wait_places", "wait_polls", "wait_unplaced"),
    keys={"wait_places": _KEYS},
    read=_read,
    report=_report,
    calls=("poll", "ppoll", *_EPOLL, "open", "openat", "openat2"),
    needs_calls=True,
    macros=_macros,
)
