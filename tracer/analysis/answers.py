"""The original experiment's open questions, answered in words from one run's numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracer.analysis.blocks import Blocks
from tracer.analysis.brigades import ASYNC, FLOOR, PINNED, SINGLE, THREADS, URING, Answer
from tracer.analysis.run import reader
from tracer.analysis.run.reader import Document
from tracer.analysis.statistics.intervals import FEWEST_FOR_VERDICT, Ratio
from tracer.analysis.statistics.wording import duration_text, ratio_text
from tracer.units import counted, duration

_NOT_MEASURED = "not measured in this run."


def answers(blocks: Blocks) -> list[Answer]:
    """Each question with its answer; "not measured" where a workload is missing."""
    return [
        Answer(
            "Does pinning to one CPU change the threads?",
            _verdict(
                blocks.ratio(THREADS, THREADS + PINNED),
                "yes: free to move they are slower than pinned",
                "yes: free to move they are faster than pinned",
                "no difference was seen between free to move and pinned",
            ),
        ),
        Answer(
            "Does pinning change async?",
            _verdict(
                blocks.ratio(ASYNC, ASYNC + PINNED),
                "yes: free to move it is slower than pinned",
                "yes: free to move it is faster than pinned",
                "no difference was seen between free to move and pinned",
            ),
        ),
        Answer(
            "Does the single-threaded executor change async?",
            _verdict(
                blocks.ratio(ASYNC, SINGLE),
                "yes: worker threads are slower than the single-threaded one",
                "yes: worker threads are faster than the single-threaded one",
                "no difference was seen between worker threads and the single-threaded one",
            ),
        ),
        Answer("Does io_uring change the result?", _uring(blocks)),
        Answer(
            "Do a block, a wake and a switch cost more than a receive that finds nothing and its"
            " share of epoll_wait?",
            _against_eagain(blocks),
        ),
    ]


def _verdict(ratio: Ratio | None, slower: str, faster: str, same: str) -> str:
    """One of three sentences on a ratio, with the numbers."""
    if ratio is None:
        return _NOT_MEASURED
    numbers = f"{ratio_text(ratio)}, {counted(ratio.blocks, 'round')}"
    if not ratio.differs:
        return f"{same} ({numbers})."
    answer = slower if ratio.median > 1 else faster
    if ratio.blocks < FEWEST_FOR_VERDICT:
        answer = f"seen once, no verdict: {answer.removeprefix('yes: ')}"
    return f"{answer} ({numbers})."


def _against_eagain(blocks: Blocks) -> str:
    switch = blocks.on_cpu_difference(THREADS + PINNED, FLOOR + PINNED)
    receive_ns = _receive_and_epoll_ns(blocks.documents(ASYNC + PINNED))
    if switch is None or receive_ns is None:
        return _NOT_MEASURED
    if switch.median <= 0:
        return "unknown: with switches no more CPU time was measured than without them"
    if switch.low > receive_ns:
        verdict = f"yes, {switch.median / receive_ns:.1f} times"
    elif switch.high < receive_ns:
        verdict = f"no, less: {switch.median / receive_ns:.2f} times"
    else:
        verdict = "they cost about the same"
    if len(blocks.paired(THREADS + PINNED, FLOOR + PINNED)) < FEWEST_FOR_VERDICT:
        verdict = f"seen once, no verdict: {verdict}"
    return (
        f"{verdict}: block, wake and switch {duration_text(switch)} per hop (CPU time of threads"
        " less the I/O floor, one CPU, untraced); a receive that finds nothing and the share of"
        f" epoll_wait {duration(receive_ns)} (async, one CPU, traced: with the probes' own cost)."
    )


def _receive_and_epoll_ns(documents: Sequence[Document]) -> float | None:
    """Per hop: on-CPU time of receives that found nothing, at the mean of all receives, plus all
    of epoll_wait; the median over runs. None without the table of calls."""
    values = []
    for document in documents:
        receive_ns = reader.failed_calls_ns(document, "io", "EAGAIN")
        epoll_ns = reader.call_class_ns(document, "poll")
        if receive_ns is not None and epoll_ns is not None:
            values.append(receive_ns + epoll_ns)
    return float(np.median(values)) if values else None


def _uring(blocks: Blocks) -> str:
    ratios = {
        "pinned threads": blocks.ratio(URING + PINNED, THREADS + PINNED),
        "async": blocks.ratio(URING + PINNED, ASYNC + PINNED),
    }
    against = [f"{ratio_text(r)} the time of {name}" for name, r in ratios.items() if r is not None]
    if not against:
        return _NOT_MEASURED
    chain = blocks.ratio(f"{URING} chain{PINNED}", FLOOR + PINNED)
    more = ""
    if chain is not None:
        more = (
            f" The whole chain in one call takes {ratio_text(chain)} the time of one thread's"
            " plain reads and writes."
        )
    return f"one ring and one thread, a call per hop, on one CPU: {' and '.join(against)}.{more}"
