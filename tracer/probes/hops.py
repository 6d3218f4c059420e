"""Probe hops: how long hops from thread to thread take (only for `--when`)."""

from __future__ import annotations

from tracer.model.histogram import Histogram
from tracer.model.probe import Arrays, Context, Probe


def _read(arrays: Arrays, _context: Context) -> Histogram:
    """Sum over CPUs."""
    return Histogram.merged(arrays["hops_cpus"]["ns"])


PROBE = Probe(
    summary="how long hops from thread to thread take (only for --when)",
    hooks=("created", "entered", "woken", "returned"),
    arrays=("hops_cpus", "hops_threads"),
    states={"hops_threads": ()},
    read=_read,
    needs_calls=True,
)
