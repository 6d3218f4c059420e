"""How malloc(3) keeps what tracer no longer uses."""

from __future__ import annotations

import ctypes

#: mallopt(3), of the GNU C library.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
#: From this size on a block is a mapping of its own, which goes back to the kernel when it is
#: freed. Without a fixed one it grows, up to 32 MiB, with the first large block that is freed, and
#: tables of some MiB, a few for each window, leave gaps between what stays.
_OWN_MAPPING_BYTES = 1 << 18


def give_back_early() -> None:
    """Keep this process small while it runs for long; without effect where the C library is another
    one."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _OWN_MAPPING_BYTES)
