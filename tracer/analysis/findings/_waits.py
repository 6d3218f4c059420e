"""What the findings ask of the probe waits: the calls that slept, and what they were on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tracer.analysis.findings._document import Document, named, share
from tracer.probes.waits import FOR_WORK, LOOP_POLLS

Row = Mapping[str, Any]

RECEIVES = ("read", "readv", "recvfrom", "recvmsg", "recvmmsg")
TCP = ("tcp", "mptcp")
#: Ports from here on are given to clients (net.ipv4.ip_local_port_range).
_FIRST_CLIENT_PORT = 32768
#: A sleep of an octave from here on keeps an event loop's tasks waiting so that somebody notices,
#: where such sleeps are this share of the window.
LONG_NS, LEAST_SHARE = 1 << 23, 0.05


def waits(document: Document) -> list[Row]:
    """The rows, the longest first; none where the probe was off."""
    return list((document.get("waits") or {}).get("rows", []))


def longest(
    document: Document, is_one: Callable[[Row], bool], ns_of: Callable[[Row], int]
) -> Row | None:
    """Of the rows that are such ones the one with the most ns; None without any."""
    return max(filter(is_one, waits(document)), key=ns_of, default=None)


def longer(row: Row, from_ns: int) -> tuple[int, int]:
    """Calls that slept in octaves from `from_ns` (a power of two) on, and their sum in ns."""
    bands = [band for band in row["bands"] if band["from_ns"] >= from_ns]
    return sum(band["calls"] for band in bands), sum(band["total_ns"] for band in bands)


def blocked_loop(document: Document) -> tuple[Row, int, int] | None:
    """The longest sleep of threads with an event loop outside the calls in which they wait for
    their tasks: its row, calls that slept long, and their ns, those of one of the threads."""
    found = []
    for row in waits(document):
        if row.get("polls", 0) >= LOOP_POLLS and row["class"] not in FOR_WORK:
            number, ns = longer(row, LONG_NS)
            found.append((row, number, ns // max(row["threads"], 1)))
    longest_one = max(found, key=lambda one: one[2], default=None)
    if longest_one is None or share(document, longest_one[2]) < LEAST_SHARE:
        return None
    return longest_one


def descriptor(row: Row) -> Mapping[str, Any] | None:
    """What the row's calls were on for the longest time."""
    found: Mapping[str, Any] | None = next(iter(row["descriptors"]), None)
    return found


def kind(row: Row) -> str:
    """The kind of that; empty without one."""
    found = descriptor(row)
    return str(found["kind"]) if found else ""


def is_socket(row: Row) -> bool:
    return kind(row) in (*TCP, "udp", "unix socket", "sctp", "vsock socket")


def on(row: Row) -> str:
    """`tcp 127.0.0.1:5432`, `file wal.log`; empty where it is not known."""
    found = descriptor(row)
    if found is None:
        return ""
    more = len({_text(other) for other in row["descriptors"]}) - 1
    return _text(found) + (f" and {more} more" if more else "")


def _text(found: Mapping[str, Any]) -> str:
    kind_ = str(found["kind"])
    if found["peer_port"]:
        host = f"[{found['peer']}]" if ":" in str(found["peer"]) else found["peer"]
        return f"{kind_} {host}:{found['peer_port']}"
    if found["own_port"]:
        return f"{kind_} port {found['own_port']}"
    return f"{kind_} {named(str(found['name']))}" if found["name"] else f"a {kind_}"


def is_loopback(row: Row) -> bool:
    """Both ends of its connection are on this host."""
    found = descriptor(row)
    return found is not None and str(found["peer"]).startswith(("127.", "::1"))


def is_server_side(row: Row) -> bool:
    """Its sockets are those of clients: it waits for their requests."""
    found = descriptor(row)
    if found is None or not found["peer_port"]:
        return str(row["call"]).startswith("accept")
    return bool((found["own_port"] or 0) < _FIRST_CLIENT_PORT <= found["peer_port"])


def other_end(document: Document, row: Row) -> Row | None:
    """A row of the target that is on the other end of the row's connection."""
    found = descriptor(row)
    if found is None or not (found["own_port"] and found["peer_port"]):
        return None
    for other in waits(document):
        for at in other["descriptors"]:
            if (at["own_port"], at["peer_port"]) == (found["peer_port"], found["own_port"]):
                return other
    return None


def who(row: Row) -> str:
    """`python3 (pid 12)`."""
    return f"{named(row['group'])} (pid {row['pid']})"
