"""Records as they come, a file for each CPU: written while it runs, and left after a kill."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracer.model.events import RECORD_DTYPE

_NAME = re.compile(r"spool-([0-9]{1,5})\.raw")


class Spool:
    """The files of one run in the directory `fd`; it takes what kernel/event_reader.py reads.

    Where the disk takes no more, `failure` says so: what was written before stays.
    """

    def __init__(self, fd: int) -> None:
        self._directory = fd
        self._files: dict[int, int] = {}
        self._bytes: dict[int, int] = {}
        self.failure = ""

    @property
    def written(self) -> int:
        """Records that are in the files, whole ones."""
        return sum(size // RECORD_DTYPE.itemsize for size in self._bytes.values())

    def put(self, cpu: int, records: NDArray[np.void]) -> None:
        """Append the records (RECORD_DTYPE) of this CPU."""
        if self.failure:
            return
        try:
            if cpu not in self._files:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
                self._files[cpu] = os.open(f"spool-{cpu}.raw", flags, 0o666, dir_fd=self._directory)
            data = records.view(np.uint8).data
            while data:
                size = os.write(self._files[cpu], data)
                self._bytes[cpu] = self._bytes.get(cpu, 0) + size
                data = data[size:]
        except OSError as error:
            self.failure = error.strerror or str(error)

    def close(self) -> None:
        while self._files:
            os.close(self._files.popitem()[1])


def spooled(directory: Path) -> dict[int, Path]:
    """The files of a spool by CPU; none where all has been converted."""
    found = ((_NAME.fullmatch(file.name), file) for file in directory.iterdir())
    return {int(match[1]): file for match, file in found if match and int(match[1]) < 1 << 16}


def blocks(file: Path, size: int) -> Iterator[NDArray[np.void]]:
    """The records of one CPU (RECORD_DTYPE), `size` at a time, without an incomplete one at the
    end."""
    with file.open("rb") as stream:
        while len(data := stream.read(size * RECORD_DTYPE.itemsize)) >= RECORD_DTYPE.itemsize:
            whole = len(data) // RECORD_DTYPE.itemsize * RECORD_DTYPE.itemsize
            yield np.frombuffer(data[:whole], RECORD_DTYPE)
