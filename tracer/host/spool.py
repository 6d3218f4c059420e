"""Records as they come, a file for each CPU: written while it runs, and left after a kill."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracer.model.events import RECORD_DTYPE

_NAME = re.compile(r"spool-([0-9]{1,5})(?:-([0-9]{1,9}))?\.raw")
_STATES = re.compile(r"states-([0-9]{1,9})\.raw")
#: The last seconds are kept in so many files, of each CPU; one more is being written.
_SEGMENTS = 8
_SHORTEST_NS = 250_000_000
#: Stands for the file of states among those of CPUs.
_STATES_CPU = -1
#: A thread that was there at the beginning, and its row in the table.
KNOWN_DTYPE = np.dtype([("slot", "<u4"), ("life", "<u4"), ("tid", "<u4"), ("tgid", "<u4")])


class Spool:
    """The files of one run in the directory `fd`; it takes what kernel/event_reader.py reads.

    Where the disk takes no more, `failure` says so: what was written before stays.
    """

    def __init__(self, fd: int) -> None:
        self._directory = fd
        self._files: dict[int, int] = {}
        self._bytes: dict[int, int] = {}
        self.failure = ""

    #: When what is kept begins; 0 where that is the beginning of the run; and who was there then
    #: (KNOWN_DTYPE).
    start_ns: int = 0
    threads: NDArray[np.void] = np.zeros(0, KNOWN_DTYPE)

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
                self._files[cpu] = os.open(self._name(cpu), flags, 0o666, dir_fd=self._directory)
            data = records.view(np.uint8).data
            while data:
                size = os.write(self._files[cpu], data)
                self._bytes[cpu] = self._bytes.get(cpu, 0) + size
                data = data[size:]
        except OSError as error:
            self.failure = error.strerror or str(error)

    def looked(self) -> None:
        pass

    def close(self) -> None:
        while self._files:
            cpu, fd = self._files.popitem()
            if not os.fstat(fd).st_nlink:
                self._bytes[cpu] = 0
                self.failure = self.failure or "a file of it was removed while it was written"
            os.close(fd)

    def _name(self, cpu: int) -> str:
        return f"spool-{cpu}.raw"


@dataclass(frozen=True)
class _Segment:
    """A piece of time, from `start_ns` on, and the threads that were there then."""

    number: int
    start_ns: int
    threads: NDArray[np.void]  # KNOWN_DTYPE
    sizes: dict[int, int]  # bytes by CPU


class Segments(Spool):
    """The same of the last `last_s` seconds: a new file for each CPU from time to time, with the
    states of all threads at its beginning; files that are older are removed."""

    def __init__(self, fd: int, last_s: float) -> None:
        super().__init__(fd)
        self._last_ns = int(last_s * 1e9)
        self._each_ns = max(self._last_ns // _SEGMENTS, _SHORTEST_NS)
        self._segments = [_Segment(0, time.monotonic_ns(), self.threads, self._bytes)]

    @property
    def written(self) -> int:
        sizes = (size for one in self._segments for size in one.sizes.values())
        return sum(size // RECORD_DTYPE.itemsize for size in sizes)

    def is_due(self, now_ns: int) -> bool:
        """Whether the next segment is to begin. After a failure none does: the last ones stay."""
        return not self.failure and now_ns - self._segments[-1].start_ns >= self._each_ns

    def next(self, now_ns: int, states: NDArray[np.void], threads: NDArray[np.void]) -> None:
        """Begin it, with these states (records BEGIN) of these threads."""
        self.close()
        number = self._segments[-1].number + 1
        self._bytes = {_STATES_CPU: states.nbytes}
        self._segments.append(_Segment(number, now_ns, threads, self._bytes))
        states["when"] |= np.uint64(now_ns << 1 & (1 << 56) - 1)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            fd = os.open(f"states-{number}.raw", flags, 0o666, dir_fd=self._directory)
            with os.fdopen(fd, "wb") as stream:
                stream.write(states.tobytes())
            while now_ns - self._segments[1].start_ns >= self._last_ns:
                self._remove(self._segments.pop(0))
                self.start_ns, self.threads = self._segments[0].start_ns, self._segments[0].threads
        except OSError as error:
            self.failure = self.failure or error.strerror or str(error)

    def _remove(self, segment: _Segment) -> None:
        names = [f"spool-{cpu}-{segment.number}.raw" for cpu in segment.sizes if cpu >= 0]
        if segment.number:
            names.append(f"states-{segment.number}.raw")
        for name in names:
            os.unlink(name, dir_fd=self._directory)

    def _name(self, cpu: int) -> str:
        return f"spool-{cpu}-{self._segments[-1].number}.raw"


def spooled(directory: Path) -> dict[int, list[Path]]:
    """The files of a spool by CPU, in order of time; none where all has been converted. The states
    at the beginning of the first segment are among those of CPU 0."""
    found: dict[int, list[tuple[int, Path]]] = {}
    states = []
    for file in directory.iterdir():
        if (match := _NAME.fullmatch(file.name)) and int(match[1]) < 1 << 16:
            found.setdefault(int(match[1]), []).append((int(match[2] or 0), file))
        elif match := _STATES.fullmatch(file.name):
            states.append((int(match[1]), file))
    first = min((number for files in found.values() for number, _ in files), default=0)
    of_first = [(number, file) for number, file in states if number == first]
    if found and of_first:
        found[0] = [(-1, of_first[0][1]), *found.get(0, [])]
    return {cpu: [file for _, file in sorted(files)] for cpu, files in found.items()}


def spool_files(directory: Path) -> list[Path]:
    """All of them, to be removed."""
    return [f for f in directory.iterdir() if _NAME.fullmatch(f.name) or _STATES.fullmatch(f.name)]


def blocks(files: Iterable[Path], size: int) -> Iterator[NDArray[np.void]]:
    """The records of one CPU (RECORD_DTYPE), `size` at a time at most, without an incomplete one at
    the end of a file."""
    for file in files:
        with file.open("rb") as stream:
            while len(data := stream.read(size * RECORD_DTYPE.itemsize)) >= RECORD_DTYPE.itemsize:
                whole = len(data) // RECORD_DTYPE.itemsize * RECORD_DTYPE.itemsize
                yield np.frombuffer(data[:whole], RECORD_DTYPE)
