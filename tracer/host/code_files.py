"""Opens the files whose code was mapped: the very ones, never what has taken their place since.

A file that cannot be shown to be the one that was mapped is not opened: its functions stay unknown.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tracer.host.debug_files import debug_descriptor
from tracer.host.files import descriptor_of, fields_of
from tracer.host.held_files import HeldFiles
from tracer.host.mappings import read_areas
from tracer.host.processes import stat_fields
from tracer.model.code import Code
from tracer.model.mappings import Area

_PROC = Path("/proc")
#: File systems that have device numbers of their own: a mapping has those of what is below them.
_LAYERED = {0x794C7630, 0x9123683E}  # OVERLAYFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC (linux/magic.h)
#: Memory that programs make code in, although it has a file.
_MADE = re.compile(r"/(memfd:|dev/zero|anon_hugepage|SYSV)")
#: Of statx(2): flag, mask, and the members that are read.
_EMPTY_PATH, _BIRTH = 0x1000, 0x800
_STATX = struct.Struct("=I76xqI")
#: So much later than a file was mapped its time of change may be: the clocks of both differ.
_SLACK_NS = 10_000_000
#: Files that the helper may not open are copied, of up to this size.
_MOST_BYTES = 1 << 30
#: So many descriptors are kept open at most.
_MOST_FILES = 400


@dataclass
class CodeFile:
    """An open file with code, and its separate debug file; None for one that is unknown.

    It has been what it is since `changed_ns` (CLOCK_REALTIME).
    """

    name: str
    descriptor: int | None = None
    debug: int | None = None
    changed_ns: int = 0


class CodeFiles:
    """The files of code, each once; `files` in the order in which they were first asked for.

    `are_too_many` says that some were not opened because there were too many. `uid` is the user
    who has to be able to open them; `held`: files that may not be found any more. Close it in the
    end.
    """

    def __init__(self, uid: int, held: HeldFiles | None = None) -> None:
        self._held = held or HeldFiles()
        self.files: list[CodeFile] = []
        self.are_too_many = False
        self._uid = uid
        self._found: dict[tuple[object, ...], int] = {}
        self._wall_ns = time.time_ns() - time.monotonic_ns()
        self._opened: list[int] = []

    def close(self) -> None:
        """Close all descriptors."""
        while self._opened:
            os.close(self._opened.pop())

    def of(self, code: Code, pid: int) -> int | None:
        """The number of the file of this code of a process; None for memory without one."""
        area = code.area
        if area.path == "[vdso]":
            return self._once(("[vdso]", code.end - code.start), lambda: self._vdso(code))
        if not area.inode:
            return None
        key = area.device, area.inode, area.path
        if _MADE.match(area.path):
            number = self._once(key, lambda: self._open(code, pid))
            return number if self.files[number].descriptor is not None else None
        found = self._once(key, lambda: self._open(code, pid))
        if self._is_as_mapped(self.files[found], code):
            return found
        return self._once((*key, "another since"), lambda: CodeFile(_name(area.path)))

    def perf_map(self, pid: int, since_ns: int) -> int | None:
        """The file in which a process names the code that it makes; None where there is none that
        was written after the process began, by its own user or root: all may write there."""
        status = fields_of(_PROC / str(pid) / "status")
        inside = status.get("NSpid", str(pid)).split()[-1]
        owners = {0, *map(int, status["Uid"].split())} if "Uid" in status else None  # it has ended
        began_ns = _began_wall_ns(pid) or since_ns + self._wall_ns
        for path in (_PROC / f"{pid}/root/tmp/perf-{inside}.map", Path(f"/tmp/perf-{pid}.map")):
            descriptor = None if path.is_symlink() else self._descriptor(path)
            if descriptor is None:
                continue
            found = os.fstat(descriptor)
            is_its_own = owners is None or found.st_uid in owners
            if is_its_own and found.st_mtime_ns + _SLACK_NS >= began_ns:
                return self._kept(descriptor)
            os.close(descriptor)
        return None

    def _once(self, key: tuple[object, ...], make: Callable[[], CodeFile]) -> int:
        if key not in self._found:
            self._found[key] = len(self.files)
            self.files.append(make())
        return self._found[key]

    def _is_as_mapped(self, file: CodeFile, code: Code) -> bool:
        return file.descriptor is None or (
            file.changed_ns <= code.mapped_ns + self._wall_ns + _SLACK_NS
        )

    def _descriptor(self, path: Path) -> int | None:
        self.are_too_many |= len(self._opened) >= _MOST_FILES
        return None if self.are_too_many else descriptor_of(path)

    def _kept(self, descriptor: int) -> int:
        self._opened.append(descriptor)
        return descriptor

    def _open(self, code: Code, pid: int) -> CodeFile:
        area = code.area
        path = area.path.removesuffix(" (deleted)")
        for descriptor, is_sure in self._candidates(area, path, pid):
            if descriptor is None:
                continue
            found = os.fstat(descriptor)
            is_same = found.st_ino == area.inode and (
                _is_layered(descriptor)
                or (os.major(found.st_dev), os.minor(found.st_dev)) == area.device
            )
            if not is_same or os.pread(descriptor, 4, 0) != b"\x7fELF":
                os.close(descriptor)
                continue
            changed_ns = found.st_mtime_ns if is_sure else _changed_ns(descriptor)
            file = CodeFile(_name(path), changed_ns=changed_ns)
            debug = debug_descriptor(descriptor, path, pid)
            file.descriptor = self._readable(descriptor)
            file.debug = self._readable(debug) if debug is not None else None
            return file
        return CodeFile(_name(path))

    def _candidates(self, area: Area, path: str, pid: int) -> Iterator[tuple[int | None, bool]]:
        """Descriptors of what may be the file, and whether one can only be the file that was
        mapped, wherever that was moved to, and deleted ones too."""
        own = _PROC / str(pid)
        yield self._descriptor(own / f"map_files/{area.start:x}-{area.end:x}"), True
        yield self._descriptor(own / "exe"), True
        yield self._held.of(area), True
        for root in (Path("/"), own / "root"):
            yield self._descriptor(root / path.lstrip("/")), False

    def _readable(self, descriptor: int) -> int | None:
        """A descriptor that the helper can open again: a copy of what only root may read."""
        found = os.fstat(descriptor)
        everyone = bool(found.st_mode & 0o004)
        if everyone or self._uid in (0, found.st_uid) or self._uid == os.geteuid():
            return self._kept(descriptor)
        try:
            if found.st_size > _MOST_BYTES:
                return None
            copy = self._kept(os.memfd_create("code", os.MFD_CLOEXEC))
            while os.sendfile(copy, descriptor, None, 1 << 30):
                pass
            return copy
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def _vdso(self, code: Code) -> CodeFile:
        """The kernel's own code in each process: that of this one is the same."""
        file = CodeFile("[vdso]")
        areas = [area for area in read_areas(os.getpid()) if area.path == "[vdso]"]
        if len(areas) == 1 and areas[0].end - areas[0].start == code.end - code.start:
            with (_PROC / "self/mem").open("rb", buffering=0) as memory:
                memory.seek(areas[0].start)
                content = memory.read(areas[0].end - areas[0].start)
            file.descriptor = self._kept(os.memfd_create("vdso", os.MFD_CLOEXEC))
            os.write(file.descriptor, content)
        return file


def _name(path: str) -> str:
    return Path(path.removesuffix(" (deleted)")).name


def _changed_ns(descriptor: int) -> int:
    """Since when there is this file with this content (CLOCK_REALTIME ns).

    Another file can have got the number of one that is gone, and programs set times of
    modification; the time at which an inode was last changed they cannot set. But a further name
    for the file changes that too: perf makes one for each file that it has seen. So where there
    are several names, it is the birth or the modification.
    """
    found = os.fstat(descriptor)
    buffer = ctypes.create_string_buffer(256)
    ctypes.CDLL(None).statx(descriptor, b"", _EMPTY_PATH, _BIRTH, buffer)
    mask, seconds, nanoseconds = _STATX.unpack_from(buffer)
    if found.st_nlink > 1 and mask & _BIRTH:
        return max(found.st_mtime_ns, int(seconds) * 10**9 + int(nanoseconds))
    return found.st_ctime_ns


def _is_layered(descriptor: int) -> bool:
    buffer = (ctypes.c_ulong * 32)()  # struct statfs, which begins with the type
    ctypes.CDLL(None).fstatfs(descriptor, buffer)
    return buffer[0] in _LAYERED


def _began_wall_ns(pid: int) -> int | None:
    """When a process that lives began (CLOCK_REALTIME ns)."""
    fields = stat_fields(_PROC / str(pid))
    boot_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    ticks = int(fields[19]) if fields else None
    return None if ticks is None else boot_ns + ticks * 10**9 // os.sysconf("SC_CLK_TCK")
