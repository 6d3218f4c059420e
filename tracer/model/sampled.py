"""What a run with --sample saw of its system calls, as the programs counted it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sampled:
    """`one_in`: of so many pieces of time in a row a thread's calls are seen in one.

    `ns`, shape (groups, parts on a CPU): time of threads on a CPU that was seen, by the group that
    its piece is in; `calls`, shape (groups, numbers of calls): calls seen that returned.
    `unseen_calls`: calls that began while they were not seen, all of them. `path_ns`, shape (parts
    on a CPU,): what was seen of the critical path.
    """

    one_in: int
    ns: NDArray[np.int64]
    calls: NDArray[np.int64]
    unseen_calls: int
    path_ns: NDArray[np.int64]

    @property
    def seen_calls(self) -> int:
        return int(self.calls.sum())

    @property
    def all_calls(self) -> int:
        """Calls in the window, exact but for those that were open at one of its ends."""
        return self.seen_calls + self.unseen_calls
