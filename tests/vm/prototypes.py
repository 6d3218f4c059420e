"""Writes what this kernel's type information says of all that the programs use, as a fixture.

    prototypes.py NAME...    of build/vm/kernels/NAME/vmlinuz -> a file in tests/data/kernels

The type information is in the compressed kernel, so nothing is booted. tests/unit/kernel/
test_prototypes.py holds what the programs expect against every fixture.
"""

from __future__ import annotations

import gzip
import json
import lzma
import re
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CLONE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CLONE))

from tracer import probes  # noqa: E402
from tracer.kernel import btf as b  # noqa: E402
from tracer.kernel import programs, settings  # noqa: E402
from tracer.kernel.btf import Btf  # noqa: E402

FIXTURES = CLONE / "tests" / "data" / "kernels"
_SIZES = settings.Sizes(cpus=4, threads=512, tids=5000)
_BTF = struct.pack("<HBBI", 0xEB9F, 1, 0, 24)
_QUALIFIED = {b.CONST: "const", b.VOLATILE: "volatile", b.RESTRICT: "restrict"}
_TAGGED = {b.STRUCT: "struct", b.UNION: "union", b.ENUM: "enum", b.ENUM64: "enum", b.FWD: "struct"}


class Asked:
    """A kernel's types that remember what they were asked, and the answers."""

    def __init__(self, types: Btf) -> None:
        self._types = types
        self.members: dict[str, int | None] = {}
        self.bits: dict[str, Sequence[int] | None] = {}
        self.enums: dict[str, int | None] = {}

    def has_member(self, type_name: str, path: str) -> bool:
        found = self._types.has_member(type_name, path)
        if not found:
            self.members[f"{type_name}.{path}"] = None
        return found

    def offset_of(self, type_name: str, path: str) -> int:
        self.members[f"{type_name}.{path}"] = found = self._types.offset_of(type_name, path)
        return found

    def bit_of(self, type_name: str, path: str) -> tuple[int, int] | None:
        self.bits[f"{type_name}.{path}"] = found = self._types.bit_of(type_name, path)
        return found

    def enum_value(self, enum: str | None, name: str) -> int | None:
        self.enums[name] = found = self._types.enum_value(enum, name)
        return found

    def tracepoint_args(self, name: str) -> Sequence[str] | None:
        return self._types.tracepoint_args(name)


def used() -> list[str]:
    """Every raw tracepoint that a program may be attached to."""
    own = [name for probe in probes.available().values() for name in probe.tracepoints]
    names = (*programs.CORE, *programs.CALLS, *programs.INTERRUPTS, "sched_exit_tp", *own)
    return sorted(set(names))


def fixture(types: Btf, machine: str) -> dict[str, Any]:
    """What the programs' settings ask for, and the prototypes."""
    asked = Asked(types)
    settings.macros(tuple(probes.available()), False, asked, machine, _SIZES)
    settings.offsets(asked, machine)
    return {
        "machine": machine,
        "tracepoints": {name: prototype(types, name) for name in used()},
        "members": dict(sorted(asked.members.items())),
        "bits": dict(sorted(asked.bits.items())),
        "enums": dict(sorted(asked.enums.items())),
    }


# ---- prototypes ----


def prototype(types: Btf, name: str) -> list[str] | None:
    """Type and name of each argument that a program gets; None without such a tracepoint."""
    names = types.tracepoint_args(name)
    if names is None:
        return None
    pointer = types._target(types.tracepoint_type(name))
    parameters = types._params(types._target(pointer))[1:]
    return [
        f"{type_name(types, type_id)} {argument}".replace("* ", "*").strip()
        for argument, (_name, type_id) in zip(names, parameters, strict=True)
    ]


def type_name(types: Btf, type_id: int) -> str:
    """As in C, but for the parentheses of functions."""
    if not type_id:
        return "void"
    at, kind, _parts, _flag = types._record(type_id)
    if kind == b.PTR:
        return f"{type_name(types, types._target(type_id))} *".replace("* *", "**")
    if kind in _QUALIFIED:
        return f"{_QUALIFIED[kind]} {type_name(types, types._target(type_id))}"
    if kind == b.FUNC_PROTO:
        return "function"
    if kind in (b.TYPE_TAG, b.ARRAY):
        return type_name(types, types._target(type_id)) if kind == b.TYPE_TAG else "array"
    name = types._string(types._words[at])
    return f"{_TAGGED[kind]} {name}" if kind in _TAGGED else name


# ---- the file of a kernel ----


def version_of(image: bytes) -> str:
    """Its first two numbers, such as 6.1."""
    found = re.search(rb"Linux version (\d+\.\d+)", image)
    if found is None:
        raise SystemExit("no kernel: its version is not in it")
    return found[1].decode()


def types_of(image: bytes) -> Btf:
    """The type information inside a kernel."""
    found = []
    for match in re.finditer(re.escape(_BTF), image):
        start = match.start()
        type_at, type_len, string_at, string_len = struct.unpack_from("<4I", image, start + 8)
        if type_at == 0 and string_at == type_len and string_len > 1:
            found.append(image[start : start + 24 + type_len + string_len])
    if not found:
        raise SystemExit("this kernel has no type information (CONFIG_DEBUG_INFO_BTF)")
    return Btf(max(found, key=len))


def decompressed(file: bytes) -> bytes:
    if file[0x202:0x206] == b"HdrS":
        at, length = struct.unpack_from("<2I", file, 0x248)
        start = (file[0x1F1] + 1) * 512 + at
        return _unpacked(file[start : start + length])
    if file[4:8] == b"zimg":  # an EFI application that unpacks itself (aarch64)
        at, length = struct.unpack_from("<2I", file, 8)
        return _unpacked(file[at : at + length])
    return _unpacked(file)


#: How a compressed kernel begins, and what unpacks it; the kernel's build appends the length, which
#: the programs complain about.
_PACKERS = {
    b"\x28\xb5\x2f\xfd": ("zstd", "-qdc"),
    b"\x02\x21\x4c\x18": ("lz4", "-qdc"),
}


def _unpacked(packed: bytes) -> bytes:
    if packed.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(packed)
    if packed.startswith(b"\x1f\x8b"):
        return gzip.decompress(packed)
    for magic, words in _PACKERS.items():
        if packed.startswith(magic):
            return subprocess.run(words, input=packed, capture_output=True, check=False).stdout
    return packed


def main(names: Sequence[str]) -> None:
    for name in names:
        machine = "aarch64" if name.endswith("-arm64") else "x86_64"
        kernel = CLONE / "build" / "vm" / "kernels" / name / "vmlinuz"
        image = decompressed(kernel.read_bytes())
        found = fixture(types_of(image), machine)
        FIXTURES.mkdir(exist_ok=True)
        file = FIXTURES / f"{version_of(image)}{''.join(re.findall('-rt|-arm64', name))}.json"
        file.write_text(json.dumps(found, indent=1) + "\n")
        there = sum(map(bool, found["tracepoints"].values()))
        print(f"{file.relative_to(CLONE)}: {there} of {len(found['tracepoints'])} tracepoints")


if __name__ == "__main__":
    main(sys.argv[1:])
