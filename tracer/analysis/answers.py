"""The original experiment's open questions, answered in words from one run's numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracer.analysis import brigades as b
from tracer.analysis.blocks import Blocks
from tracer.analysis.brigades import Answer
from tracer.analysis.run.document import Document
from tracer.analysis.statistics.intervals import Interval, Ratio
from tracer.units import duration


def _verdict(ratio: Ratio | None, slower: str, faster: str, same: str) -> str:
    """A sentence on a ratio: which of three, with the numbers."""
    if ratio is None:
        return "not measured in this run."
    numbers = f"{ratio.median:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}], {ratio.blocks} rounds"
    if not ratio.differs:
        return f"{same} ({numbers})."
    return f"{slower if ratio.median > 1 else faster} ({numbers})."


def _eagain_and_epoll_ns(documents: Sequence[Document]) -> float | None:
    """Per hop: on-CPU time of receives that found nothing, at the mean of all receives, plus all
    of epoll_wait. None without both tables."""
    found = []
    for d in documents:
        calls = d.get("syscalls")
        if not calls:
            continue
        units = float(d["result"]["units"])
        total = 0.0
        for call in calls:
            empty = call["errors"].get("EAGAIN", 0)
            if call["class"] == "io" and empty:
                total += call["on_cpu_ns"] / max(call["calls"], 1) * empty
            elif call["class"] == "poll":
                total += call["on_cpu_ns"]
        found.append(total / units)
    return float(np.median(found)) if found else None


def _range(interval: Interval) -> str:
    low, high = duration(interval.low), duration(interval.high)
    return f"{duration(interval.median)} [{low}, {high}]"


def _against_eagain(blocks: Blocks) -> str:
    pinned, floor = b.THREADS + b.PINNED, b.FLOOR + b.PINNED
    thread = blocks.combined(pinned, floor, lambda x, y: x - y)
    empty = _eagain_and_epoll_ns(blocks.documents(b.ASYNC + b.PINNED))
    if thread is None or empty is None:
        return "not measured in this run."
    if thread.low > empty:
        how = f"yes, {thread.median / empty:.1f} times"
    elif thread.high < empty:
        how = f"no, it is cheaper: {thread.median / empty:.2f} times"
    else:
        how = "they cost about the same"
    return (
        f"{how}: block, wake and switch {_range(thread)} per hop (threads less the I/O floor, one"
        f" CPU, untraced); a receive that finds nothing and the share of epoll_wait"
        f" {duration(empty)} (async, one CPU, traced: with the probes' own cost)."
    )


def _uring(blocks: Blocks) -> str:
    parts = []
    for other, name in ((b.THREADS + b.PINNED, "pinned threads"), (b.ASYNC + b.PINNED, "async")):
        ratio = blocks.ratio(b.URING + b.PINNED, other)
        if ratio is not None:
            parts.append(
                f"{ratio.median:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}] the time of {name}"
            )
    if not parts:
        return "not measured in this run."
    chain = blocks.ratio(b.URING + " chain" + b.PINNED, b.FLOOR + b.PINNED)
    more = ""
    if chain is not None:
        more = (
            f" The whole chain in one call takes {chain.median:.2f}x"
            f" [{chain.low:.2f}, {chain.high:.2f}] the time of one thread's plain reads and writes."
        )
    return f"one ring and one thread, a call per hop, on one CPU: {' and '.join(parts)}.{more}"


def answers(blocks: Blocks) -> list[Answer]:
    """Each question with its answer; "not measured" where a workload is missing."""
    return [
        Answer(
            "Does pinning to one CPU change the threads?",
            _verdict(
                blocks.ratio(b.THREADS, b.THREADS + b.PINNED),
                "yes: free to move they are slower than pinned",
                "yes: free to move they are faster than pinned",
                "no difference was seen between free to move and pinned",
            ),
        ),
        Answer(
            "Does pinning change async?",
            _verdict(
                blocks.ratio(b.ASYNC, b.ASYNC + b.PINNED),
                "yes: free to move it is slower than pinned",
                "yes: free to move it is faster than pinned",
                "no difference was seen between free to move and pinned",
            ),
        ),
        Answer(
            "Does the single-threaded executor change async?",
            _verdict(
                blocks.ratio(b.ASYNC, b.SINGLE),
                "yes: worker threads are slower than the single-threaded one",
                "yes: worker threads are faster than the single-threaded one",
                "no difference was seen between worker threads and the single-threaded one",
            ),
        ),
        Answer("Does io_uring change the story?", _uring(blocks)),
        Answer(
            "Is a block, a wake and a switch dearer than a receive that finds nothing and its"
            " share of epoll_wait?",
            _against_eagain(blocks),
        ),
    ]
