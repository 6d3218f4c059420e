"""Time-outs: waits for an answer that never comes end by their time-out, again and again."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, on_path_ns, rounded, share
from tracer.analysis.findings._waits import Row, descriptor, is_socket, longest, on, who
from tracer.model.states import SLEEP, TIMED_WAIT
from tracer.units import counted, duration

NAME = "Time-outs"
#: So many of one length at least: the longest and the shortest are within these of the mean.
LEAST_CALLS, LEAST, MOST = 2, 0.8, 1.25
LEAST_SHARE = 0.1
#: Shorter ones are the ticks of a loop.
LEAST_EACH_NS = 1_000_000
_NAMES_PORT = 53


def _is_one(row: Row) -> bool:
    if row["outcome"] != "timed_out" or not is_socket(row) or row["calls"] < LEAST_CALLS:
        return False
    each_ns = row["total_ns"] / row["calls"]
    same = LEAST * each_ns <= row["least_ns"] and row["longest_ns"] <= MOST * each_ns
    return bool(same and each_ns >= LEAST_EACH_NS)


def _on_path(document: Document, row: Row) -> int:
    return min(
        int(row["total_ns"] / max(row["threads"], 1)), on_path_ns(document, SLEEP, TIMED_WAIT)
    )


def _row(document: Document) -> Row | None:
    return longest(document, _is_one, lambda row: _on_path(document, row))


def _ns(document: Document) -> int:
    row = _row(document)
    return _on_path(document, row) if row else 0


def _each_ns(document: Document) -> float:
    row = _row(document)
    return row["total_ns"] / row["calls"] if row else 0.0


DERIVED = {"on the path, ns": _ns, "each, ns": _each_ns}


def find(document: Document) -> Finding | None:
    row = _row(document)
    if row is None or share(document, _ns(document)) < LEAST_SHARE:
        return None
    found = descriptor(row) or {}
    is_names = found.get("kind") == "udp" and found.get("peer_port") == _NAMES_PORT
    return finding(
        __name__,
        share(document, _ns(document)),
        f"{who(row)} waits for answers that do not come"
        f"{' from a name server' if is_names else ''}: {counted(row['calls'], 'time-out')} of"
        f" {duration(_each_ns(document))}, {rounded(share(document, _ns(document)))} of the time",
        f"{row['call']} on {on(row)}, {duration(row['total_ns'])} together",
        "check the name servers in /etc/resolv.conf: the first one does not answer"
        if is_names
        else f"find out why {on(row)} does not answer, or make the time-out shorter",
    )
