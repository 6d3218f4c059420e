"""The kernel's own books of a recorded run, as the recording keeps them (vectors.npz)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError
from tracer.host.recordings import VECTORS, read_vectors

_THREADS, _CPUS = "threads.", "cpus."


@dataclass(frozen=True)
class Kept:
    """`threads`: members of `struct thread` by name, an element for each of the `slots`; `cpus`: of
    `struct cpu`, one for each CPU; rows of another `epoch` have had no event in the window."""

    epoch: int
    slots: NDArray[np.int64]
    threads: Mapping[str, NDArray[np.generic]]
    cpus: Mapping[str, NDArray[np.generic]]


def kept(directory: Path) -> Kept | None:
    """None where the recording ended before they were written; TracerError for a damaged file."""
    file = directory / VECTORS
    if not file.exists():
        return None
    columns = read_vectors(directory)
    try:
        threads = _with_prefix(columns, _THREADS)
        slots = threads.pop("row").astype(np.int64).reshape(-1)
        found = Kept(int(columns["epoch"]), slots, threads, _with_prefix(columns, _CPUS))
    except (ValueError, TypeError, KeyError) as error:
        raise TracerError(
            f"{file} cannot be read: {error}",
            "remove that file to read the events without the kernel's books",
            exit_code=2,
        ) from None
    if any(column.shape[:1] != slots.shape for column in threads.values()):
        raise TracerError(f"{file} is damaged: its columns differ in length",
                          "remove that file to read the events without the kernel's books",
                          exit_code=2)  # fmt: skip
    return found


def _with_prefix(
    columns: Mapping[str, NDArray[np.generic]], prefix: str
) -> dict[str, NDArray[np.generic]]:
    return {
        name.removeprefix(prefix): column
        for name, column in columns.items()
        if name.startswith(prefix)
    }
