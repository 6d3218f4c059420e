"""Axes: the unit of times, and whether a logarithmic one shows them better."""

from __future__ import annotations

from collections.abc import Sequence


def scaled(largest_ns: float) -> tuple[float, str]:
    """ns per step of an axis, and its unit."""
    if largest_ns < 2e3:
        return 1.0, "ns"
    return (1e3, "us") if largest_ns < 2e6 else (1e6, "ms")


def is_wide(values: Sequence[float], factor: float = 20.0) -> bool:
    """True when a logarithmic axis shows these values better: positive, and far apart."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= factor
