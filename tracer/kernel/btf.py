"""Reader of the kernel's own type information (BTF): offsets, enumerators, tracepoints.

Source of the format: Documentation/bpf/btf.rst and include/uapi/linux/btf.h of the
kernel. Only the types of vmlinux are read; types and tracepoints of modules live in
separate ("split") files that this module does not open.

A kernel has some 130 thousand type records of varying length, so the reader makes one
pass that only notes where each record starts and decodes records when asked for. Plain
Python does that in about 40 ms, less than importing an array library would take.
"""

from __future__ import annotations

import bisect
import re
import struct
from collections.abc import Collection, Iterator
from itertools import compress, count
from pathlib import Path
from typing import NamedTuple

from tracer.errors import TracerError

VMLINUX = "/sys/kernel/btf/vmlinux"
_HEADER = struct.Struct("=HBBIIIII")  # magic, version, flags, header length, 2 x (offset, length)
_MAGIC = 0xEB9F

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT = range(1, 12)
FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(12, 20)
_ALIASES = frozenset((TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG))

# Length of a record in 32-bit words: 3 + the first number + vlen x the second.
_TAIL = dict.fromkeys(range(20), (0, 0)) | {
    INT: (1, 0), ARRAY: (3, 0), VAR: (1, 0), DECL_TAG: (1, 0), STRUCT: (0, 3), UNION: (0, 3),
    ENUM: (0, 2), FUNC_PROTO: (0, 2), DATASEC: (0, 3), ENUM64: (0, 3),
}  # fmt: skip


class Member(NamedTuple):
    """Where a member lies: `bit_offset` from the start of the outermost struct, in bits;
    `bit_size` in bits for a bit field and 0 otherwise; `type_id` of its type."""

    bit_offset: int
    bit_size: int
    type_id: int


class _RecordWords(dict[int, int]):
    """Length of a record in 32-bit words by its info word, computed once per distinct word."""

    def __missing__(self, info: int) -> int:
        kind = info >> 24 & 0x7F
        if kind not in _TAIL:
            raise TracerError(
                f"kernel type information holds records of the unknown kind {kind}",
                "the kernel is newer than this program knows",
            )
        fixed, each = _TAIL[kind]
        self[info] = words = 3 + fixed + each * (info & 0xFFFFFF)
        return words


class Btf:
    """The types of one BTF file, held as its bytes plus the start of every record."""

    def __init__(self, data: bytes) -> None:
        """Index `data`, the whole content of a BTF file; TracerError if it is malformed."""
        if len(data) < _HEADER.size or _HEADER.unpack_from(data)[0] != _MAGIC:
            raise _malformed("no BTF header in this machine's byte order")
        _, version, _, header, type_at, type_len, str_at, str_len = _HEADER.unpack_from(data)
        self._types = data[header + type_at : header + type_at + type_len]
        self._strings = data[header + str_at : header + str_at + str_len]
        if version != 1 or (len(self._types), len(self._strings)) != (type_len, str_len):
            raise _malformed("unknown version or truncated file")
        if type_len % 4 or self._strings[:1] != b"\0" or self._strings[-1:] != b"\0":
            raise _malformed("misshapen sections")
        self._words = words = memoryview(self._types).cast("I")
        # By type id: word index of the record, and its name as an offset in the strings.
        # Id 0 is "void" and has no record.
        self._starts = [0]
        add_start, lengths = self._starts.append, _RecordWords()
        at, end = 0, len(words)
        try:
            while at < end:
                add_start(at)
                at += lengths[words[at + 1]]
        except IndexError:
            at = -1
        if at != end:
            raise _malformed("the last type record is cut off")
        self._names = [0, *map(words.__getitem__, self._starts[1:])]
        self._traced: dict[str, int] | None = None

    @classmethod
    def load(cls, path: str | Path = VMLINUX) -> Btf:
        """Read the BTF file at `path`; TracerError if it is absent, unreadable or malformed."""
        try:
            with Path(path).open("rb", buffering=0) as file:
                data = file.readall()
        except FileNotFoundError:
            hint = "the kernel must be built with CONFIG_DEBUG_INFO_BTF=y"
            raise TracerError(f"no kernel type information at {path}", hint) from None
        except OSError as error:
            raise TracerError(f"cannot read {path}: {error.strerror}") from error
        return cls(data)

    # -- structs ---------------------------------------------------------------------------

    def find_member(self, type_name: str, path: str) -> Member | None:
        """Locate `path` ("member" or "member.member...") in a struct, union or typedef of one.

        Members of anonymous structs and unions count as members of the enclosing one.
        None if the type or a member on the path does not exist. Of several types with
        the same name, the first that has the member is used.
        """
        for start in self._ids(type_name, (STRUCT, UNION, TYPEDEF)):
            bits, type_id, found = 0, start, None
            for name in path.split("."):
                found = self._member(type_id, name.encode() + b"\0") if name else None
                if found is None:
                    break
                bits, type_id = bits + found.bit_offset, found.type_id
            if found is not None:
                return found._replace(bit_offset=bits)
        return None

    def has_member(self, type_name: str, path: str) -> bool:
        """Whether `find_member` finds `path`."""
        return self.find_member(type_name, path) is not None

    def offset_of(self, type_name: str, path: str) -> int:
        """Offset of a member in bytes; TracerError if it does not exist or is a bit field."""
        return self._whole_bytes(type_name, path).bit_offset // 8

    def bit_of(self, type_name: str, path: str) -> tuple[int, int] | None:
        """Where a bit field of one bit is: the offset, in bytes, of the aligned 32-bit word that
        holds it, and its mask there on a little-endian machine; None if it does not exist."""
        member = self.find_member(type_name, path)
        if member is None or member.bit_size != 1:
            return None
        word, bit = divmod(member.bit_offset, 32)
        return 4 * word, 1 << bit

    def enum_value(self, enum: str | None, name: str) -> int | None:
        """Value of the enumerator `name` of `enum` (None: of any enum); None if absent."""
        wanted = self._name_offset(name)
        if not wanted:
            return None
        ids = self._enums_near(wanted) if enum is None else self._ids(enum, (ENUM, ENUM64))
        for type_id in ids:
            at, kind, vlen, signed = self._record(type_id)
            step = 3 if kind == ENUM64 else 2
            for slot in range(at + 3, at + 3 + step * vlen, step):
                if self._words[slot] == wanted:
                    # 32-bit enums: one word; 64-bit enums: low word, then high word.
                    parts = self._words[slot + 1 : slot + step]
                    value = sum(word << 32 * i for i, word in enumerate(parts))
                    return value - (1 << 32 * len(parts)) if signed and parts[-1] >> 31 else value
        return None

    # -- tracepoints -----------------------------------------------------------------------

    def tracepoints(self) -> frozenset[str]:
        """Names of the raw tracepoints built into the kernel (those of modules are not)."""
        prefix = "btf_trace_"
        return frozenset(
            name[len(prefix) :] for name in self._tracepoint_types() if name.startswith(prefix)
        )

    def tracepoint_args(self, name: str) -> list[str] | None:
        """Names of a raw tracepoint's arguments in the order programs get them; None if there is
        no such tracepoint.

        The leading `void *` (the data of whoever registered) is left out, as programs do
        not see it. How many there are comes from the typedef `btf_trace_<name>`, whose parameters
        have no names; the names come from the function `__traceiter_<name>` (Linux 5.10, commit
        d25e37d89dd2, "tracepoint: Optimize using static_call()") when its parameters have the
        same types, and are "" otherwise.
        """
        traced = self._tracepoint_types()
        if (typedef := traced.get("btf_trace_" + name)) is None:
            return None
        params = self._params(self._strip(self._target(self._strip(typedef))))
        if function := traced.get("__traceiter_" + name):
            named = self._params(self._target(function))
            if [type_id for _, type_id in named] == [type_id for _, type_id in params]:
                params = named
        return [self._string(at) for at, _type_id in params[1:]]

    def tracepoint_type(self, name: str) -> int:
        """The id of a raw tracepoint's type, `btf_trace_<name>`; 0 if there is none."""
        return self._tracepoint_types().get("btf_trace_" + name, 0)

    def _tracepoint_types(self) -> dict[str, int]:
        """Ids of the typedefs `btf_trace_*` and functions `__traceiter_*`, found once."""
        if self._traced is None:
            strings = {
                found.start() + 1: found[1].decode()
                for prefix in (b"btf_trace_", b"__traceiter_")
                for found in re.finditer(rb"\0(%s[^\0]+)" % prefix, self._strings)
            }
            ids = compress(count(), map(strings.__contains__, self._names))
            self._traced = {
                strings[self._names[type_id]]: type_id
                for type_id in ids
                if self._record(type_id)[1] in (TYPEDEF, FUNC)
            }
        return self._traced

    # -- records ---------------------------------------------------------------------------

    def _record(self, type_id: int) -> tuple[int, int, int, bool]:
        """Word index, kind, number of parts (vlen) and kind flag of a type."""
        if not 0 < type_id < len(self._starts):
            raise _malformed(f"there is no type {type_id}")
        at = self._starts[type_id]
        info = self._words[at + 1]
        return at, info >> 24 & 0x7F, info & 0xFFFFFF, bool(info >> 31)

    def _target(self, type_id: int) -> int:
        """The type a pointer, alias or function points to, or a prototype returns."""
        return self._words[self._record(type_id)[0] + 2]

    def _strip(self, type_id: int) -> int:
        """`type_id` without typedefs and qualifiers."""
        while type_id and self._record(type_id)[1] in _ALIASES:
            type_id = self._target(type_id)
        return type_id

    def _params(self, type_id: int) -> list[tuple[int, int]]:
        """(name offset, type id) of each parameter of a function prototype."""
        at, kind, vlen, _ = self._record(type_id)
        if kind != FUNC_PROTO:
            raise _malformed(f"type {type_id} is not a function prototype")
        return [(self._words[i], self._words[i + 1]) for i in range(at + 3, at + 3 + 2 * vlen, 2)]

    def _member(self, type_id: int, name: bytes) -> Member | None:
        """Member `name` (with its final NUL) of a struct or union, or of one inside it."""
        type_id = self._strip(type_id)
        if not type_id or self._record(type_id)[1] not in (STRUCT, UNION):
            return None
        at, _, vlen, has_bitfields = self._record(type_id)
        for slot in range(at + 3, at + 3 + 3 * vlen, 3):
            name_at, member_type, where = self._words[slot : slot + 3]
            bits, width = (where & 0xFFFFFF, where >> 24) if has_bitfields else (where, 0)
            if self._strings.startswith(name, name_at):
                return Member(bits, width, member_type)
            if name_at == 0 and (inner := self._member(member_type, name)):
                return inner._replace(bit_offset=inner.bit_offset + bits)
        return None

    def _whole_bytes(self, type_name: str, path: str) -> Member:
        member = self.find_member(type_name, path)
        if member is None:
            raise TracerError(
                f"the kernel's type {type_name} has no member {path}",
                "this kernel version is not supported by the probe that asked for it",
            )
        if member.bit_size or member.bit_offset % 8:
            raise TracerError(f"{type_name}.{path} is a bit field and has no byte offset")
        return member

    # -- names -----------------------------------------------------------------------------

    def _string(self, offset: int) -> str:
        end = self._strings.find(b"\0", offset)
        if end < 0:
            raise _malformed(f"there is no string at {offset}")
        return self._strings[offset:end].decode()

    def _name_offset(self, name: str) -> int:
        """Offset of `name` in the strings, 0 if absent; the kernel's build leaves no doubles."""
        return self._strings.find(b"\0" + name.encode() + b"\0") + 1 if name else 0

    def _ids(self, name: str, kinds: Collection[int]) -> Iterator[int]:
        """Ids of the types called `name` that are of one of the `kinds`."""
        offset, type_id = self._name_offset(name), 0
        while offset:
            try:
                type_id = self._names.index(offset, type_id + 1)
            except ValueError:
                return
            if self._record(type_id)[1] in kinds:
                yield type_id

    def _enums_near(self, name_offset: int) -> Iterator[int]:
        """Ids of the enums whose records contain the word `name_offset`."""
        # Finding the bytes is some hundred times faster than decoding every enum.
        pattern = struct.pack("=I", name_offset)
        at = self._types.find(pattern)
        while at >= 0:
            type_id = bisect.bisect_right(self._starts, at // 4, lo=1) - 1
            if at % 4 == 0 and self._record(type_id)[1] in (ENUM, ENUM64):
                yield type_id
            at = self._types.find(pattern, at + 1)


def _malformed(why: str) -> TracerError:
    return TracerError(f"malformed kernel type information: {why}")
