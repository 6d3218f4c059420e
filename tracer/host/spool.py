"""Records as they come, a file for each CPU: written while it runs, and left after a kill."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracer.model.events import RECORD_DTYPE

_NAME = re.compile(r"spool-(\d+)\.raw")
#: Records that are read from a file at a time.
_BLOCK = 1 << 17


class Spool:
    """The files of one run in the directory `fd`; it takes what kernel/event_reader.py reads.

    Where the disk takes no more, `failure` says so: what was written before stays, the rest is
    counted in `refused`.
    """

    def __init__(self, fd: int) -> None:
        self._directory = fd
        self._files: dict[int, int] = {}
        self.failure = ""
        self.written = self.refused = 0

    def put(self, cpu: int, records: NDArray[np.void]) -> None:
        """Append the records (RECORD_DTYPE) of this CPU."""
        if self.failure:
            self.refused += len(records)
            return
        try:
            if cpu not in self._files:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
                self._files[cpu] = os.open(f"spool-{cpu}.raw", flags, 0o666, dir_fd=self._directory)
            data = records.view(np.uint8).data
            while data:
                data = data[os.write(self._files[cpu], data) :]
            self.written += len(records)
        except OSError as error:
            self.failure = error.strerror or str(error)
            self.refused += len(records)

    def close(self) -> None:
        while self._files:
            os.close(self._files.popitem()[1])


def spooled(directory: Path) -> dict[int, Path]:
    """The files of a spool by CPU; none where all has been converted."""
    found = ((_NAME.fullmatch(file.name), file) for file in directory.iterdir())
    return {int(match[1]): file for match, file in found if match}


def blocks(file: Path) -> Iterator[NDArray[np.void]]:
    """The records of one CPU (RECORD_DTYPE), in blocks, without an incomplete one at the end."""
    with file.open("rb") as stream:
        while len(data := stream.read(_BLOCK * RECORD_DTYPE.itemsize)) >= RECORD_DTYPE.itemsize:
            whole = len(data) // RECORD_DTYPE.itemsize * RECORD_DTYPE.itemsize
            yield np.frombuffer(data[:whole], RECORD_DTYPE)
