"""What all threads of the target did together, as looks at the table of threads saw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Values of a look: all threads slept; some were ready and none ran; one ran, and so on.
ALL_ASLEEP, READY_NONE_RAN, RAN = 0, 1, 2


class Sleep(NamedTuple):
    """A thread's sleep: its row in the table of threads, where it would go on (the part of `own`:
    `user` outside calls) or that it is stopped, and the number of its last system call."""

    slot: int
    part: int
    call: int


class Seen(NamedTuple):
    """In how many looks it was so, and in how many of these no thread of the target ran."""

    looks: int
    none_ran: int


@dataclass(frozen=True)
class Looks:
    """The looks of one window.

    Attributes
    ----------
    states:
        One value for each look, in order of time, shape (looks,).
    threads, ready:
        Sums over all looks: threads that were there, and those that were ready and did not run.
    asleep:
        Each sleep that was seen.
    late:
        Looks that were left out: they came late, because tracer itself was busy.
    """

    states: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    threads: int = 0
    ready: int = 0
    asleep: Mapping[Sleep, Seen] = field(default_factory=dict)
    late: int = 0
