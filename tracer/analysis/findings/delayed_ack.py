"""Delayed ACK: TCP holds data back until the other end's kernel acknowledges what came before."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, share
from tracer.analysis.findings._waits import (
    RECEIVES,
    TCP,
    Row,
    is_loopback,
    kind,
    longer,
    longest,
    on,
    other_end,
    who,
)
from tracer.units import count, duration

NAME = "Delayed ACK"
#: The kernel delays an acknowledgement by 40 ms (TCP_DELACK_MIN), later by up to 200: sleeps in
#: these bands (an octave each), with a mean in one of these ranges.
BANDS_NS = 1 << 25
MEANS_NS = ((38_000_000, 90_000_000), (180_000_000, 270_000_000))
LEAST_CALLS = 3


def is_delayed(row: Row) -> bool:
    """Receives within this host that ended with data while nobody sent: data that a thread sends
    over loopback arrives in its call, so what woke them was a timer of the kernel's."""
    if row["ended_by"] not in ("timer", "softirq") or row["outcome"] != "done":
        return False
    if kind(row) not in TCP or not is_loopback(row):
        return False
    if row["call"] not in RECEIVES and row["class"] != "poll":
        return False
    number, ns = longer(row, BANDS_NS)
    return number >= LEAST_CALLS and any(low <= ns / number <= high for low, high in MEANS_NS)


def _row(document: Document) -> Row | None:
    return longest(document, is_delayed, lambda row: longer(row, BANDS_NS)[1])


def _held(document: Document) -> tuple[int, int]:
    row = _row(document)
    return longer(row, BANDS_NS) if row else (0, 0)


DERIVED = {
    "receives": lambda document: _held(document)[0],
    "together, ns": lambda document: _held(document)[1],
    "each, ns": lambda document: _held(document)[1] / max(_held(document)[0], 1),
}


def find(document: Document) -> Finding | None:
    row = _row(document)
    if row is None:
        return None
    number, ns = _held(document)
    sender = other_end(document, row)
    of = who(sender) if sender else "the sender"
    return finding(
        __name__,
        share(document, ns),
        f"{count(number)} receives of {who(row)} waited {duration(ns / number)} each,"
        f" {duration(ns)} in all, for data that TCP held back until a delayed ACK",
        f"{row['call']} on {on(row)}, woken by the kernel in a softirq, while no thread sent",
        f"set TCP_NODELAY on the connection in {of}, or send each message in one write",
    )
