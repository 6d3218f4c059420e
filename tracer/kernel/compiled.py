"""Compiled BPF programs as plain data, and the cache that avoids compiling them again.

Compiling takes longer than all the rest of the start, and the result depends on nothing but the
sources and the `-D` settings (which hold this kernel's offsets). So it is kept beside the
sources, in `__pycache__`, as Python keeps its own compiled files.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: One BPF instruction (linux/bpf.h, struct bpf_insn).
INSTRUCTION = np.dtype([("op", "u1"), ("regs", "u1"), ("off", "<i2"), ("imm", "<i4")])
_SUFFIX = ".bpf"
_KEPT = 24


@dataclass(frozen=True)
class Map:
    """One BPF map; `layout` is the numpy description of its values."""

    name: str
    kind: int
    key_bytes: int
    value_bytes: int
    max_entries: int
    flags: int
    layout: str

    @property
    def dtype(self) -> np.dtype[np.void]:
        described = ast.literal_eval(self.layout)
        return np.dtype(np.lib.format.descr_to_dtype(described))


@dataclass(frozen=True)
class Compiled:
    """Programs by name, shape (instructions,), and maps.

    An instruction that loads a map's address has the index into `maps` as its `imm`.
    """

    programs: Mapping[str, NDArray[np.void]]
    maps: tuple[Map, ...]

    def to_json(self) -> str:
        return json.dumps(
            {
                "maps": [vars(item) for item in self.maps],
                "programs": {
                    name: base64.b64encode(code.tobytes()).decode()
                    for name, code in self.programs.items()
                },
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Compiled:
        """Raises ValueError, KeyError or TypeError for a damaged text."""
        data = json.loads(text)
        return cls(
            {
                name: np.frombuffer(base64.b64decode(code), INSTRUCTION)
                for name, code in data["programs"].items()
            },
            tuple(Map(**item) for item in data["maps"]),
        )


def cached(
    files: Sequence[Path],
    macros: Mapping[str, object],
    depends: Sequence[Path],
    compile_: Callable[[Sequence[Path], Mapping[str, object]], Compiled],
) -> Compiled:
    """The result of `compile_(files, macros)`, from the cache if it is there.

    `depends` are further files that the result depends on. If the cache cannot be read
    or written, the programs are compiled; that is not an error.
    """
    digest = hashlib.sha256(repr(sorted(macros.items())).encode())
    for file in (*files, *depends):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    path = files[0].parent / "__pycache__" / (digest.hexdigest()[:32] + _SUFFIX)
    try:
        owner = files[0].stat().st_uid
        if path.stat().st_uid in (0, owner):
            found = Compiled.from_json(path.read_text())
            os.utime(path)
            return found
    except (OSError, ValueError, KeyError, TypeError):
        pass
    made = compile_(files, macros)
    _keep(path, made.to_json(), files[0].parent)
    return made


def _keep(path: Path, text: str, sources: Path) -> None:
    """Write the file whole or not at all, for the owner of the sources; drop the oldest ones."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        owner = sources.stat()
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
            os.chown(path.parent, owner.st_uid, owner.st_gid)
        part.write_text(text)
        os.chown(part, owner.st_uid, owner.st_gid)
        part.replace(path)
        kept = sorted(path.parent.glob(f"*{_SUFFIX}"), key=lambda file: -file.stat().st_mtime)
        for old in kept[_KEPT:]:
            old.unlink()
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
