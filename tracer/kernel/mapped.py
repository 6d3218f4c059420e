"""The programs' arrays as numpy views, mapped only as far and as long as they are needed.

Every page of a BPF array that is mapped counts as memory of tracer's (the kernel enters them all
at mmap(2), remap_vmalloc_range): of the table of threads the rows in use are mapped, and what a
probe counts while somebody looks at it.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from tracer.kernel.arrays import Views
from tracer.kernel.bpf import Module

#: Of arrays with a row per thread so many are mapped at first, and twice as many when those are in
#: use.
_FIRST_ROWS = 1 << 10
#: Arrays that take more than this are mapped anew each time, unless somebody reads them all the
#: time; a mapping of 1 MiB takes about 50 us.
_LARGE_BYTES = 1 << 18
#: Of a large array so much is mapped at a time where it is gone through.
_PIECE_BYTES = 1 << 22


class MappedArrays(Views):
    """The arrays `names` of a module, by name.

    Parameters
    ----------
    by_slot:
        Those with a row per thread, in the order of the table of threads: of these the rows handed
        out so far, and some more, are there. A view that was taken earlier keeps its length.
    kept:
        Those that stay mapped, whatever their size: `ctl` is one.
    """

    def __init__(
        self, module: Module, names: Iterable[str], by_slot: Collection[str], kept: Collection[str]
    ) -> None:
        self._module = module
        self._lock = threading.Lock()
        sizes = {name: module.size(name) for name in names}
        self._names = tuple(sizes)
        self._by_slot = frozenset(by_slot)
        self._views = {
            name: module.array(name)
            for name, (rows, row_bytes) in sizes.items()
            if name not in self._by_slot and (name in kept or rows * row_bytes <= _LARGE_BYTES)
        }

    def __getitem__(self, name: str) -> NDArray[np.void]:
        view = self._views.get(name)
        if name not in self._by_slot:
            return self._module.array(name) if view is None else view
        used = int(self._views["ctl"][0]["next_slot"])
        if view is None or len(view) < used:
            view = self._grown(name, used)
        return view

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def pieces(self, name: str) -> Iterator[tuple[int, NDArray[np.void]]]:
        """The whole array in pieces, each with the number of its first row: one at a time."""
        view = None if name in self._by_slot else self._views.get(name)
        rows, row_bytes = self._module.size(name)
        if view is not None:
            yield 0, view
            return
        step = max(_PIECE_BYTES // row_bytes, 1)
        for first in range(0, rows, step):
            yield first, self._module.array(name, first, min(step, rows - first))

    def room(self, name: str) -> int:
        """The rows that there can be."""
        return self._module.size(name)[0]

    def forget(self) -> None:
        """Drop all mappings that are kept."""
        self._views.clear()

    def _grown(self, name: str, used: int) -> NDArray[np.void]:
        with self._lock:  # by several threads of tracer
            view = self._views.get(name)
            most, _row_bytes = self._module.size(name)
            if view is None or len(view) < min(used, most):
                rows = max(_FIRST_ROWS, 1 << max(used - 1, 0).bit_length())
                view = self._views[name] = self._module.array(name, 0, min(rows, most))
            return view
