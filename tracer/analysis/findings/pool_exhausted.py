"""Pool exhausted: all threads of a pool are asleep in the same kind of call, and work queues."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, rounded, share
from tracer.analysis.findings._waits import Row, is_server_side, on, waits, who
from tracer.units import counted, duration

NAME = "Pool exhausted"
#: So many threads at least, with so many of these calls each: from the first call to the last they
#: are asleep in them for this share of the time, all of them, so that hardly any waits for work.
LEAST_THREADS, LEAST_CALLS, LEAST_ASLEEP = 2, 3, 0.85
#: Shorter calls end before work has queued for long.
LEAST_EACH_NS = 1_000_000
#: Calls in which a thread waits for its work itself, or for children.
_FOR_WORK = ("futex", "poll", "process", "io_uring")
#: Threads of libuv have the program's name before version 1.49.
_LIBUV = ("libuv-worker", "node")


def _is_full(row: Row) -> bool:
    threads = row["threads"]
    if row["class"] in _FOR_WORK or threads < LEAST_THREADS or is_server_side(row):
        return False
    if row.get("of_pool") != threads or row["calls"] < LEAST_CALLS * threads:
        return False
    return bool(row["total_ns"] >= LEAST_EACH_NS * row["calls"] and _asleep(row) >= LEAST_ASLEEP)


def _asleep(row: Row) -> float:
    return min(float(row["total_ns"] / max(row["threads"] * row["span_ns"], 1)), 1.0)


def _row(document: Document) -> Row | None:
    return next((row for row in waits(document) if _is_full(row)), None)


def _of(document: Document, what: str) -> float:
    row = _row(document)
    if row is None:
        return 0.0
    each = {"asleep": _asleep(row), "each": row["total_ns"] / row["calls"]}
    return float({**each, "all": row["total_ns"] / row["threads"]}[what])


DERIVED = {
    "asleep": lambda document: _of(document, "asleep"),
    "each, ns": lambda document: _of(document, "each"),
    "of a thread, ns": lambda document: _of(document, "all"),
}


def find(document: Document) -> Finding | None:
    row = _row(document)
    if row is None:
        return None
    is_libuv = row["group"].startswith(_LIBUV)
    more = "set UV_THREADPOOL_SIZE higher" if is_libuv else "give the pool more threads"
    at = on(row)
    return finding(
        __name__,
        share(document, _of(document, "all")),
        f"all {row['threads']} pool threads of {who(row)} were asleep in {row['call']} for"
        f" {rounded(_asleep(row))} of {duration(row['span_ns'])}, at once: what comes next queues",
        f"{counted(row['calls'], 'call')} of {row['call']}{f' on {at}' if at else ''},"
        f" {duration(_of(document, 'each'))} each, {duration(row['total_ns'])} over all threads",
        f"{more}, or keep such calls out of it",
    )
