"""Sleeps that nobody of the target ended: what was awaited, in which call, and who ended it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracer.model.recording import Recording
from tracer.model.states import AWAITED, AWAITED_SHIFT, NO_CALL_KEY
from tracer.model.syscalls import name_of
from tracer.model.threads import comm
from tracer.probes.waits import Descriptor, Wait, WaitsRecord

#: Sockets that have a peer by address.
_INTERNET = ("tcp", "udp", "mptcp", "sctp")
#: What packets from outside a program come by, where no process of this host sent them.
_BY_PACKETS = ("softirq", "hard_irq", "timer", "kernel_thread")
#: Ports from here on are given to clients (net.ipv4.ip_local_port_range).
_FIRST_CLIENT_PORT = 32768


@dataclass(frozen=True)
class Waker:
    """A process outside the target, or a kernel thread."""

    pid: int
    name: str


@dataclass(frozen=True)
class OutsideWait:
    """`times` sleeps of any threads of the target, `ns` in all, for one of `AWAITED`, in `call`
    (None: in none), ended by `waker` (None: by an interrupt). `peer`: of the network, the address
    that most of them were for, or the target's own program there; None where not known."""

    awaited: str
    call: str | None
    waker: Waker | None
    times: int
    ns: int
    peer: str | None = None


def mostly(found: Sequence[OutsideWait], awaited: str) -> OutsideWait | None:
    """Of the sleeps for one of `AWAITED` the longest in all, if they are at least half of them."""
    alike = [wait for wait in found if wait.awaited == awaited]
    longest = max(alike, key=lambda wait: wait.ns, default=None)
    return longest if longest and 2 * longest.ns >= sum(wait.ns for wait in alike) else None


def outside_waits(recording: Recording) -> list[OutsideWait]:
    """Longest in all first. Sleeps of very many kinds are in the path's `awaited` alone."""
    found: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    names: dict[int, str] = {}
    rows = recording.outside_waits
    for row in rows[(rows["key"] != 0) & (rows["times"] != 0)]:
        pid = int(row["tgid"])
        total = found[int(row["key"]), pid]
        total[0] += int(row["times"])
        total[1] += int(row["ns"])
        names[pid] = comm(row)
    made = [
        OutsideWait(
            AWAITED[(key & (1 << AWAITED_SHIFT) - 1) - 1],
            None if key >> AWAITED_SHIFT == NO_CALL_KEY else name_of(key >> AWAITED_SHIFT),
            Waker(pid, names[pid]) if pid else None,
            times,
            ns,
        )
        for (key, pid), (times, ns) in found.items()
    ]
    made.sort(key=lambda wait: (-wait.ns, wait.awaited, wait.call or ""))
    record: WaitsRecord | None = recording.probes.get("waits")
    return made if record is None else [_with_peer(wait, record.waits) for wait in made]


def _with_peer(wait: OutsideWait, slept: Sequence[Wait]) -> OutsideWait:
    if wait.awaited != "network" or wait.waker is not None:
        return wait
    ns_of: Counter[str] = Counter()
    for one in slept:
        if one.call == wait.call and one.ended_by in _BY_PACKETS and one.outcome == "done":
            for at, _calls, ns in one.descriptors:
                ns_of[_peer(at, slept)] += ns
    peer, most_ns = next(iter(ns_of.most_common(1)), ("", 0))
    return replace(wait, peer=peer) if peer and 2 * most_ns >= ns_of.total() else wait


def _peer(at: Descriptor, slept: Sequence[Wait]) -> str:
    """`10.0.0.5:5432`; of a server's client the address alone, of a program of the target its name;
    empty without one."""
    if at.kind not in _INTERNET or not at.peer_port:
        return ""
    if at.peer.startswith("127.") or at.peer == "::1":
        ends = (at.peer_port, at.own_port)
        for one in slept:
            if any((other.own_port, other.peer_port) == ends for other, _n, _ns in one.descriptors):
                return one.group
    host = f"[{at.peer}]" if ":" in at.peer else at.peer
    is_client = at.own_port < _FIRST_CLIENT_PORT <= at.peer_port
    return at.peer if is_client else f"{host}:{at.peer_port}"
