"""What processes map, from the kernel's own records of it: also of those that have ended.

A software event per CPU (perf_event_open(2)) that counts nothing; the kernel writes a record into
its ring whenever a process maps memory, execs, forks or ends. Layouts are of
linux/perf_event.h, which the kernel keeps stable.
"""

from __future__ import annotations

import bisect
import ctypes
import mmap
import os
import platform
import select
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator

from tracer.host.cpus import online_cpus
from tracer.host.mappings import read_areas
from tracer.model.mappings import AddressSpaces, Area

_NUMBER = {"x86_64": 298, "aarch64": 241}.get(platform.machine(), 241)
_SOFTWARE, _DUMMY, _ATTR_BYTES, _SAMPLE_TIME, _CLOEXEC = 1, 9, 96, 1 << 2, 8
#: Bits of perf_event_attr: mmap, comm, task, watermark, mmap_data, sample_id_all, mmap2,
#: comm_exec, use_clockid.
_FLAGS = sum(1 << bit for bit in (8, 9, 13, 14, 17, 18, 23, 24, 25))
_LOST, _COMM, _EXIT, _FORK, _MMAP2 = 2, 3, 4, 7, 10
_COMM_EXEC = 1 << 13
_MAP_SHARED = 1
_HEAD_AT = 1024  # of data_head and data_tail in the first page
_MAPPING = struct.Struct("=2I3Q2I2Q2I")
#: A ring has this many pages: with the first one no more than what the kernel lets each user lock
#: (perf_event_mlock_kb); fewer where CPUs are many, so that all together stay below 64 MiB.
_PAGES, _FEWEST, _ALL_PAGES = 128, 16, 16384
#: Bytes of records that wait to be read into mappings: those of some 1,000 short processes.
_MOST_PENDING = 4 << 20
#: The rings are looked at each time that so many records are read or entered: a few ms.
_LOOK_EACH = 1000
#: Ended processes are looked through when there are so many more.
_MOST_ENDED = 1024
_EVER = 1 << 63


def opened(
    cpu: int, config: int, period: int = 0, samples: int = 0, flags: int = 0, rest: bytes = b""
) -> int:
    """perf_event_open(2) of a software event of all processes on one CPU, `rest` what follows the
    flags in perf_event_attr; raises OSError."""
    attr = struct.pack("=2I5Q", _SOFTWARE, _ATTR_BYTES, config, period, samples, 0, flags) + rest
    buffer = ctypes.create_string_buffer(attr, _ATTR_BYTES)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(libc.syscall(_NUMBER, buffer, -1, cpu, -1, _CLOEXEC))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def start_unsignalled(thread: threading.Thread) -> None:
    """Start it so that no signal is delivered to it: one is for the main thread, whose waiting it
    has to end."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _Ring:
    """The ring of one CPU."""

    def __init__(self, cpu: int, pages: int) -> None:
        watermark = pages * mmap.PAGESIZE // 2
        rest = struct.pack("=2I4QIi", watermark, 0, 0, 0, 0, 0, 0, time.CLOCK_MONOTONIC)
        self.fd = opened(cpu, _DUMMY, samples=_SAMPLE_TIME, flags=_FLAGS, rest=rest)
        self._size = pages * mmap.PAGESIZE
        try:
            self._memory = mmap.mmap(self.fd, mmap.PAGESIZE + self._size)
        except OSError:
            os.close(self.fd)
            raise

    def take(self) -> bytes:
        """The records since the last call."""
        head, tail = struct.unpack_from("=2Q", self._memory, _HEAD_AT)
        first, end = tail % self._size, tail % self._size + head - tail
        at = mmap.PAGESIZE
        found = self._memory[at + first : at + min(end, self._size)]
        if end > self._size:
            found += self._memory[at : at + end - self._size]
        struct.pack_into("=Q", self._memory, _HEAD_AT + 8, head)
        return found

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)


def _records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Time, type and body of each record but those of threads that begin, end or are named:
    a program can make some 10,000 of these a second."""
    at = 0
    while at < len(data):
        kind, flags, size = struct.unpack_from("=I2H", data, at)
        if not _is_of_thread(kind, flags, data, at + 8):
            at_ns = 0 if size < 16 else struct.unpack_from("=Q", data, at + size - 8)[0]
            yield at_ns, kind, data[at + 8 : at + size - 8]
        at += size


def _is_of_thread(kind: int, flags: int, data: bytes, at: int) -> bool:
    """Whether the record with its body at `at` tells nothing of a process as a whole."""
    if kind in (_FORK, _EXIT):
        pid, parent, tid = struct.unpack_from("=3I", data, at)
        return bool(pid == parent if kind == _FORK else pid != tid)
    return kind == _COMM and not flags & _COMM_EXEC


def _area(body: bytes) -> tuple[int, Area]:
    """Process and area of a record of a mapping."""
    pid, _tid, start, length, offset, *device, inode, _, rights, flags = _MAPPING.unpack_from(body)
    path = body[_MAPPING.size :].split(b"\0")[0].decode(errors="replace")
    path = "" if path == "//anon" else path
    shared, executable = bool(flags & _MAP_SHARED), bool(rights & mmap.PROT_EXEC)
    major, minor = device
    end = start + length
    return pid, Area(start, end, offset, path, (major, minor), inode, shared, executable)


class MappingLog:
    """Collects what every process of the host maps, from `start` to `stop`.

    A thread copies the records, woken by the kernel when a ring is half full. They are read into
    address spaces when these are asked for, or when many are waiting; then processes that have
    ended are forgotten unless they are in `wanted()`, or in `named()` and ended in this window.

    Where the kernel refuses the events, `spaces().missing` says so; so it does where it
    lost records.
    """

    def __init__(self, wanted: Callable[[], set[int]], named: Callable[[], set[int]]) -> None:
        self._wanted, self._named = wanted, named
        #: Where the window began that is reported next (CLOCK_MONOTONIC ns).
        self.window_ns = 0
        self._rings: list[_Ring] = []
        self._pending: list[bytes] = []
        self._records: list[tuple[int, int, bytes]] = []
        self._spaces = AddressSpaces()
        self._looked_through = 0  # ended processes that were wanted at the last look
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop_read = self._stop_write = -1

    def start(self) -> None:
        """Begin with nothing known."""
        self.stop()
        self._spaces, self._pending, self._records = AddressSpaces(), [], []
        self._looked_through = self.window_ns = 0
        cpus = online_cpus()
        pages = _PAGES
        while pages > _FEWEST and pages * len(cpus) > _ALL_PAGES:
            pages //= 2
        try:
            for cpu in cpus:
                self._rings.append(_Ring(cpu, pages))
        except OSError as error:
            self._close()
            self._spaces.missing = f"perf_event_open: {error.strerror}"
            return
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._follow, name="mappings", daemon=True)
        start_unsignalled(self._thread)

    def seed(self, pid: int) -> None:
        """Enter what a process has mapped already, from /proc."""
        at_ns = time.monotonic_ns()
        areas = read_areas(pid)
        with self._lock:
            self._understand(self._take())
            for area in areas:
                self._spaces.mapped(at_ns, pid, area)

    def spaces(self) -> AddressSpaces:
        """The address spaces up to now, or up to `stop`."""
        with self._lock:
            self._understand(self._take() if self._rings else _EVER)
            if self._rings and self._spaces.ended_count > self._looked_through + _MOST_ENDED:
                self._forget()
            return self._spaces

    def stop(self) -> None:
        """Stop collecting; what was collected stays."""
        if self._thread is None:
            return
        if self._stop_write >= 0:  # else a signal came while it was being stopped
            os.close(self._stop_write)
            self._stop_write = -1
        self._thread.join()
        os.close(self._stop_read)
        self._thread = None
        self._take()
        self._close()

    def _close(self) -> None:
        while self._rings:
            self._rings.pop().close()

    def _follow(self) -> None:
        waiting = select.poll()
        for fd in (self._stop_read, *(ring.fd for ring in self._rings)):
            waiting.register(fd, select.POLLIN)
        while all(fd != self._stop_read for fd, _event in waiting.poll()):
            with self._lock:
                until_ns = self._take()
                if sum(map(len, self._pending)) > _MOST_PENDING:
                    self._understand(until_ns)
                    self._forget()

    def _forget(self) -> None:
        recent = self._spaces.ended_since(self.window_ns)
        self._spaces.forget(self._wanted() | (self._named() & recent))
        self._looked_through = self._spaces.ended_count

    def _take(self) -> int:
        """Copy what is in the rings; all records before the returned time have been copied."""
        now_ns = time.monotonic_ns()
        self._pending += [data for data in (ring.take() for ring in self._rings) if data]
        return now_ns

    def _understand(self, until_ns: int) -> None:
        """Enter the pending records of before that time, of all CPUs in order of time.

        Some thousand short processes take this longer than the rings take to be full: they are
        looked at meanwhile.
        """
        pending, self._pending = self._pending, []
        looked = 0
        for data in pending:
            self._records += _records(data)
            if len(self._records) - looked >= _LOOK_EACH:
                self._take()
                looked = len(self._records)
        self._records.sort(key=lambda record: record[0])
        later = bisect.bisect_left(self._records, until_ns, key=lambda record: record[0])
        for number, (at_ns, kind, body) in enumerate(self._records[:later]):
            if number % _LOOK_EACH == 0:
                self._take()
            if kind == _MMAP2:
                self._spaces.mapped(at_ns, *_area(body))
            elif kind == _COMM:
                self._spaces.executed(at_ns, *struct.unpack_from("=I", body))
            elif kind == _FORK:
                self._spaces.forked(at_ns, *struct.unpack_from("=2I", body))
            elif kind == _EXIT:
                self._spaces.ended(at_ns, *struct.unpack_from("=I", body))
            elif kind == _LOST:
                self._spaces.missing = "the kernel lost records of what was mapped"
        del self._records[:later]
