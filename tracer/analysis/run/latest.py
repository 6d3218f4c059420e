"""Remembers what was made of the latest recording: several tables of one report are made of it."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from tracer.model.recording import Recording

_Result = TypeVar("_Result")


def of_latest(function: Callable[[Recording], _Result]) -> Callable[[Recording], _Result]:
    """A function that gives the same object again for the same recording; nobody may change it."""
    known: tuple[weakref.ref[Recording], _Result] | None = None

    @functools.wraps(function)
    def remembering(recording: Recording) -> _Result:
        nonlocal known
        before = known
        if before is None or before[0]() is not recording:
            result = function(recording)
            if isinstance(result, np.ndarray):
                result.setflags(write=False)
            before = known = weakref.ref(recording), result
        return before[1]

    return remembering
