"""Names of a program's or library's own variables, from the symbol tables of its ELF file."""

from __future__ import annotations

import contextlib
import mmap
import re
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracer.host.debug_files import BROKEN, build_id_of, by_build_id
from tracer.host.files import memory_of
from tracer.model.mappings import Area

#: Of elf(5): 64 bits, least significant byte first, as on x86_64 and aarch64.
_MAGIC = b"\x7fELF\x02\x01"
_HEADER = np.dtype([("ident", "V16"), ("type", "<u2"), ("machine", "<u2"), ("version", "<u4"),
                    ("entry", "<u8"), ("phoff", "<u8"), ("shoff", "<u8"), ("flags", "<u4"),
                    ("ehsize", "<u2"), ("phentsize", "<u2"), ("phnum", "<u2"),
                    ("shentsize", "<u2"), ("shnum", "<u2"), ("shstrndx", "<u2")])  # fmt: skip
_SEGMENT = np.dtype([("type", "<u4"), ("flags", "<u4"), ("offset", "<u8"), ("vaddr", "<u8"),
                     ("paddr", "<u8"), ("filesz", "<u8"), ("memsz", "<u8"),
                     ("align", "<u8")])  # fmt: skip
_SECTION = np.dtype([("name", "<u4"), ("type", "<u4"), ("flags", "<u8"), ("addr", "<u8"),
                     ("offset", "<u8"), ("size", "<u8"), ("link", "<u4"), ("info", "<u4"),
                     ("align", "<u8"), ("entsize", "<u8")])  # fmt: skip
_SYMBOL = np.dtype([("name", "<u4"), ("info", "u1"), ("other", "u1"), ("shndx", "<u2"),
                    ("value", "<u8"), ("size", "<u8")])  # fmt: skip
_LOAD, _SYMTAB, _DYNSYM, _OBJECT = 1, 2, 11, 1
_TLS, _THREAD_LOCAL = 7, 6
#: The names of a nested symbol in the C++ ABI, which Rust's follow: _ZN, length and name, ..., E.
_MANGLED = re.compile(r"_ZNK?((?:\d+[A-Za-z_$.][\w$.]*)+)E\w*")
#: So many symbols before an address are looked at: one of them may begin earlier and be larger.
_NEAR = 16


#: The variables of a symbol table by address, and the file and the place of their names.
_Table = tuple[NDArray[np.void], mmap.mmap, int]


class Symbols:
    """The variables of one ELF file, by the addresses that the file gives them.

    Raises OSError or ValueError for a file that cannot be read or is of another kind.
    """

    def __init__(self, path: Path) -> None:
        self._data = memory_of(path)
        if self._data[: len(_MAGIC)] != _MAGIC:
            raise ValueError(f"{path} is not an ELF file of 64 bits, little-endian")
        header = np.frombuffer(self._data, _HEADER, 1)[0]
        segments = np.frombuffer(self._data, _SEGMENT, int(header["phnum"]), int(header["phoff"]))
        self._segments = segments
        self._loads = segments[segments["type"] == _LOAD]
        count = int(header["shnum"])
        self._sections = np.frombuffer(self._data, _SECTION, count, int(header["shoff"]))
        if not len(self._loads):
            raise ValueError(f"{path} has nothing to load")

    @cached_property
    def _tables(self) -> list[_Table]:
        """Its own and those of the file of its symbols, where they are installed apart."""
        detached = self._detached()
        return self._own_tables() + (detached._own_tables() if detached else [])

    def _own_tables(self) -> list[_Table]:
        found = []
        for table in self._sections[np.isin(self._sections["type"], (_SYMTAB, _DYNSYM))]:
            rows = self._rows(table)
            rows = rows[(rows["info"] & 15 == _OBJECT) & (rows["shndx"] != 0)]
            names = int(self._sections[int(table["link"])]["offset"])
            found.append((rows[np.argsort(rows["value"], kind="stable")], self._data, names))
        return found

    def _detached(self) -> Symbols | None:
        with contextlib.suppress(*BROKEN):
            return Symbols(by_build_id(build_id_of(self._data)))
        return None

    @property
    def first(self) -> int:
        """The file's own address of its first page."""
        return int(self._loads["vaddr"][0]) // mmap.PAGESIZE * mmap.PAGESIZE

    def contains(self, address: int) -> bool:
        """Whether it has memory there, that of zeroed variables too."""
        starts = self._loads["vaddr"]
        return bool(((starts <= address) & (address < starts + self._loads["memsz"])).any())

    def is_zeroed(self, address: int) -> bool:
        """Whether the page at this address is behind what the file fills: of zeroed variables."""
        last = self._loads[-1]
        return address > int(last["vaddr"]) + int(last["filesz"]) - mmap.PAGESIZE

    def at(self, address: int) -> tuple[str, int] | None:
        """Name of the variable that covers an address, and the offset in it; None for none."""
        for rows, data, names in self._tables:
            end = int(np.searchsorted(rows["value"], address, "right"))
            near = rows[max(end - _NEAR, 0) : end]
            for row in near[near["value"] + near["size"] > address][::-1]:
                start = names + int(row["name"])
                name = data[start : data.find(b"\0", start)].decode(errors="replace")
                return readable(name), address - int(row["value"])
        return None

    def variable(self, name: str) -> int | None:
        """The address of the variable with this name; None for none."""
        for rows, data, names in self._tables:
            for row in rows:
                start = names + int(row["name"])
                if data[start : start + len(name) + 1] == name.encode() + b"\0":
                    return int(row["value"])
        return None

    def thread_local(self, *parts: str) -> int | None:
        """Where a thread-local variable of a program lies, less than nothing: from the thread
        pointer of x86-64 on. Of the one whose name has all these parts in it; None for none."""
        blocks = self._segments[self._segments["type"] == _TLS]
        for table in self._sections[self._sections["type"] == _SYMTAB]:
            rows = self._rows(table)
            rows = rows[rows["info"] & 15 == _THREAD_LOCAL]
            for row, name in zip(rows, self._names(table, rows), strict=True):
                if len(blocks) and all(part in name for part in parts):
                    align = max(int(blocks["align"][0]), 1)
                    size = -(-int(blocks["memsz"][0]) // align) * align
                    return int(row["value"]) - size
        return None

    def _rows(self, table: np.void) -> NDArray[np.void]:
        count = int(table["size"]) // _SYMBOL.itemsize
        return np.frombuffer(self._data, _SYMBOL, count, int(table["offset"]))

    def _names(self, table: np.void, rows: NDArray[np.void]) -> list[str]:
        first = int(self._sections[int(table["link"])]["offset"])
        starts = [first + int(name) for name in rows["name"]]
        return [
            self._data[at : self._data.find(b"\0", at)].decode(errors="replace") for at in starts
        ]

    def has(self, name: str) -> bool:
        """Whether a symbol has this name."""
        return self._data.find(b"\0" + name.encode() + b"\0") >= 0


def readable(name: str) -> str:
    """`std::cout` for a nested name as C++ and Rust mangle it; any other as it is."""
    match = _MANGLED.fullmatch(name)
    if not match:
        return name
    parts, rest = [], match[1]
    while number := re.match(r"\d+", rest):
        end = number.end() + int(number[0])
        if end > len(rest):
            return name
        parts.append(rest[number.end() : end])
        rest = rest[end:]
    if len(parts) > 1 and re.fullmatch("h[0-9a-f]{16}", parts[-1]):
        parts.pop()  # Rust's hash
    return "::".join(parts)


@lru_cache(maxsize=256)
def _read(path: Path, _inode: int, _changed_ns: int) -> Symbols | None:
    try:
        return Symbols(path)
    except (OSError, ValueError):
        return None


def symbols_of(area: Area, pid: int) -> Symbols | None:
    """Of the file behind a mapping; None when it is of another kind, or not there any more.

    A process of another mount namespace has its files elsewhere: while it lives they are found.
    """
    for root in (Path("/"), Path(f"/proc/{pid}/root")):
        path = root / area.path.lstrip("/")
        with contextlib.suppress(OSError):
            found = path.stat()
            if found.st_ino == area.inode:
                return _read(path, found.st_ino, found.st_ctime_ns)
    return None
