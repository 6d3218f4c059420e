"""What tracer needs of the kernel it runs on."""

from __future__ import annotations

import re

#: Atomics with a result: commit 5ffa25502b5a ("bpf: Add instructions for atomic_[cmp]xchg"), 5.12.
_OLDEST_KERNEL = (5, 12)


def is_too_old(release: str) -> bool:
    """Whether a kernel of this release, as in `uname -r`, cannot run the programs."""
    match = re.match(r"(\d+)\.(\d+)", release)
    return match is not None and (int(match[1]), int(match[2])) < _OLDEST_KERNEL
