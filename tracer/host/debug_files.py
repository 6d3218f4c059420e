"""Which file has the symbols that were stripped from an ELF file: by build id, or by its link."""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from tracer.host.files import descriptor_of

#: Of elf(5): 64 bits, least significant byte first, as on x86_64 and aarch64.
_MAGIC = b"\x7fELF\x02\x01"
_HEADER = struct.Struct("<16s2HI3QI6H")
_SEGMENT = struct.Struct("<2I6Q")
_SECTION = struct.Struct("<2I4Q2I2Q")
_NOTE, _BUILD_ID = 4, 3
#: So many segments, sections and notes are looked at.
_MOST = 10_000
#: What reading a file that is not as it should be can raise.
BROKEN = (OSError, ValueError, struct.error, OverflowError)
#: Where distributions put them, and where they are in a target's own mount namespace.
_DEBUG = "usr/lib/debug"


def debug_descriptor(descriptor: int, path: str, pid: int) -> int | None:
    """Opens the separate debug file of the ELF file `descriptor`, which a process mapped as `path`.

    None where there is none, or only one that was made for another build of the file.
    """
    try:
        with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as data:
            build_id, link = build_id_of(data), _link(data)
    except BROKEN:
        return None
    for root in (Path("/"), Path(f"/proc/{pid}/root")):
        for candidate, checksum in _candidates(root, path, build_id, link):
            found = descriptor_of(candidate)
            if found is None:
                continue
            if _is_right(found, build_id, checksum):
                return found
            os.close(found)
    return None


def _candidates(
    root: Path, path: str, build_id: bytes, link: tuple[str, int] | None
) -> Iterator[tuple[Path, int | None]]:
    """Files to try, with the checksum that one must have."""
    if len(build_id) > 1:
        yield by_build_id(build_id, root), None
    if link:
        name, checksum = link
        folder = root / Path(path).parent.relative_to("/") if path.startswith("/") else None
        if folder:
            yield folder / name, checksum
            yield folder / ".debug" / name, checksum
            yield root / _DEBUG / Path(path).parent.relative_to("/") / name, checksum


def by_build_id(build_id: bytes, root: Path = Path("/")) -> Path:
    """Where distributions put the symbols of the file with this build id."""
    digits = build_id.hex()
    return root / _DEBUG / ".build-id" / digits[:2] / f"{digits[2:]}.debug"


def _is_right(descriptor: int, build_id: bytes, checksum: int | None) -> bool:
    try:
        with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as data:
            if checksum is None:
                return build_id_of(data) == build_id
            total = 0
            for at in range(0, len(data), 1 << 20):
                total = zlib.crc32(data[at : at + (1 << 20)], total)
            return total == checksum
    except BROKEN:
        return False


def _header(data: mmap.mmap) -> tuple[int, ...]:
    header = _HEADER.unpack_from(data)
    if header[0][: len(_MAGIC)] != _MAGIC:
        raise ValueError("not an ELF file of 64 bits, little-endian")
    return header


def build_id_of(data: mmap.mmap) -> bytes:
    """That of an ELF file, empty where it has none. Raises one of BROKEN for another file."""
    header = _header(data)
    segments_at, count, left = header[5], header[10], _MOST
    for number in range(min(count, _MOST)):
        kind, _, at, _, _, size, *_ = _SEGMENT.unpack_from(data, segments_at + number * 56)
        end = min(at + size, len(data))
        while kind == _NOTE and at + 12 <= end and left:
            left -= 1
            name_size, size, note = struct.unpack_from("<3I", data, at)
            content = at + 12 + -(-name_size // 4) * 4
            if note == _BUILD_ID and data[at + 12 : at + 16] == b"GNU\0":
                return data[content : content + min(size, 64)]
            at = content + -(-size // 4) * 4
    return b""


def _link(data: mmap.mmap) -> tuple[str, int] | None:
    """Name and checksum (CRC32) of the debug file, from the section .gnu_debuglink."""
    header = _header(data)
    sections_at, count, names = header[6], header[12], header[13]
    rows = [
        _SECTION.unpack_from(data, sections_at + number * 64) for number in range(min(count, _MOST))
    ]
    if names >= len(rows):
        return None
    for name, _, _, _, at, size, *_ in rows:
        start = rows[names][4] + name
        if data[start : start + 15] == b".gnu_debuglink\0" and size < _MOST:
            name_bytes, _, rest = data[at : at + size].partition(b"\0")
            file = os.fsdecode(name_bytes)
            if len(rest) >= 4 and file and "/" not in file:
                return file, struct.unpack("<I", rest[-4:])[0]
    return None
