"""Compiles the C of the state machine and of the probes with a C compiler, for Python to call."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tracer.kernel import programs, settings
from tracer.kernel.arrays import SharedArrays, Views
from tracer.kernel.settings import Sizes
from tracer.model import syscalls

HERE = Path(__file__).parent
#: The tests' system calls are those of x86_64 wherever the tests run.
MACHINE = "x86_64"
NUMBER = syscalls.numbers(MACHINE)
SIZES = Sizes(cpus=4, threads=512, tids=5000)
_TYPES = {
    "u8": ctypes.c_uint8,
    "u32": ctypes.c_uint32,
    "s32": ctypes.c_int32,
    "u64": ctypes.c_uint64,
    "char": ctypes.c_char,
}
_EVENTS = {
    "switch": "iqpiqp",
    "waking": "iqpp",
    "new_thread": "iqppi",
    "exec": "iqpi",
    "exit": "iqp",
    "migrate": "iqppi",
    "call_enter": "iqpip",
    "call_exit": "iqpl",
    "call_is_strangers": "iqp",
    "place": "iqp",
    "called": "iqp",
}
#: (type, member) -> offset of what probes ask for and tests lay out by hand.
_OFFSETS = {
    ("io_kiocb", "opcode"): 0,
    ("io_kiocb", "flags"): 8,
    ("io_kiocb", "cqe.res"): 24,
    ("io_uring_cqe", "res"): 8,
    ("pt_regs", "bp"): 32,
    ("pt_regs", "sp"): 56,
    ("pt_regs", "ip"): 72,
    ("task_struct", "se.cfs_rq"): 128,
    ("cfs_rq", "rq"): 0,
    ("rq", "nr_running"): 8,
    ("rq", "cfs.h_nr_queued"): 12,
    ("rq", "cfs.h_nr_runnable"): 16,
}
_ENUMERATORS = {"REQ_F_POLLED_BIT": 14}
_ARGUMENTS = {
    "i": ctypes.c_uint32,
    "q": ctypes.c_uint64,
    "l": ctypes.c_int64,
    "p": ctypes.c_void_p,
}


class Types:
    """The kernel's types as probes see them in tests: members of harness/glue.c's structs."""

    def offset_of(self, type_name: str, path: str) -> int:
        return _OFFSETS[type_name, path]

    def has_member(self, type_name: str, path: str) -> bool:
        return (type_name, path) in _OFFSETS

    def enum_value(self, enum: str | None, name: str) -> int | None:
        return _ENUMERATORS.get(name)

    def tracepoint_args(self, name: str) -> None:
        return None


def compiler() -> str | None:
    """The C compiler's path, None without one."""
    return next(filter(None, map(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang"))), None)


def _fields(body: str, numbers: dict[str, int]) -> list[tuple[str, str, int]]:
    """(type, name, length or 0) of each member of a struct without bit fields and pointers."""
    members = []
    for kind, rest in re.findall(r"(?:struct\s+)?(\w+)\s+([^;]+);", body):
        for item in rest.split(","):
            match = re.fullmatch(r"(\w+)(?:\[(.+)\])?", item.strip())
            assert match, item
            length = eval(match[2], {"__builtins__": {}}, numbers) if match[2] else 0
            members.append((kind, match[1], length))
    return members


class WholeArrays(dict[str, NDArray[np.void]], Views):
    """Arrays that are there as a whole."""

    def pieces(self, name: str) -> Iterator[tuple[int, NDArray[np.void]]]:
        yield 0, self[name]

    def room(self, name: str) -> int:
        return len(self[name])

    def forget(self) -> None:
        self.clear()


class Machine:
    """The compiled state machine with its arrays as numpy views of the library's own memory.

    The arrays' layout is read from the C text and checked, member by member, against what the
    compiler says.
    """

    def __init__(
        self,
        build: Path,
        names: tuple[str, ...] = ("sched", "syscalls"),
        light: bool = False,
        followed: bool = False,
        stacks: bool = True,
        one_in: int = 1,
        settings_of_probes: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.names = names
        self.light = light
        self.one_in = one_in
        files = [f for f in programs.sources(names) if f.name not in ("entry.c", "calibrate.c")]
        macros = settings.macros(names, light, Types(), MACHINE, SIZES, followed, one_in)
        macros |= {"KERNEL_FRAMES": 1, "STACK_BYTES": 8192}
        if not stacks:
            macros["NO_STACKS"] = ""
        macros |= settings_of_probes
        parts = [file.read_text() for file in (*programs.headers(), *files)]
        text = re.sub(r"/\*.*?\*/", "", "\n".join(parts), flags=re.S)
        numbers = {name: value for name, value in macros.items() if isinstance(value, int)}
        for name, value in re.findall(r"^#define (\w+) (.+?)\s*$", text, re.M):
            with contextlib.suppress(SyntaxError, NameError):  # not a constant
                numbers[name] = eval(value, {"__builtins__": {}}, numbers)
        structs = {
            name: _fields(body, numbers)
            for name, body in re.findall(r"\bstruct (\w+) \{([^}]*)\}", text)
        }
        layout = [
            (struct, f"offsetof(struct {struct}, {name})" if name else f"sizeof(struct {struct})")
            for struct, members in structs.items()
            for name in ("", *(member[1] for member in members))
        ]
        kind = ("-light" if light else "") + ("-followed" if followed else "")
        kind += "" if stacks else "-nostacks"
        kind += f"-sampled{one_in}" if one_in > 1 else ""
        joined = build / f"machine{kind}-{'-'.join(names)}.c"
        joined.write_text(
            "".join(
                f'#line 1 "{file.name}"\n{file.read_text()}\n'
                for file in (HERE / "glue.c", *files, HERE / "events.c")
            )
            + f"const u64 layout[] = {{{', '.join(item for _, item in layout)}}};\n"
        )
        library = joined.with_suffix(".so")
        cc = compiler()
        assert cc, "no C compiler"
        command = [cc, "-std=gnu11", "-O1", "-g", "-shared", "-fPIC", "-Wall", "-Werror"]
        command += ["-Wno-unknown-pragmas", "-Wno-unused-function", f"-I{programs.MACHINE}"]
        command += [f"-D{name}={value}" for name, value in macros.items()]
        subprocess.run([*command, "-o", str(library), str(joined)], check=True)
        self._library = ctypes.CDLL(str(library))
        kinds = self._struct_types(structs, len(layout))
        tables = re.findall(r'BPF_F_TABLE\("array", u32, (?:struct )?(\w+), (\w+),', text)
        views = WholeArrays(
            {name: self._array(name, kinds.get(kind, _TYPES.get(kind))) for kind, name in tables}
        )
        self.arrays = SharedArrays(views, light, MACHINE)
        self.hist_dtype = np.dtype(kinds["hist"])
        for name, arguments in _EVENTS.items():
            if light and name.startswith("call_"):
                continue
            function = self._library[f"ev_{name}"]
            function.argtypes = [_ARGUMENTS[a] for a in arguments]
            answers = "_is_" in name or name == "switch"
            function.restype = ctypes.c_uint32 if answers else None
            setattr(self, name, function)
        self._library.ev_hist_bucket.argtypes = [ctypes.c_uint64]
        self._library.ev_hist_bucket.restype = ctypes.c_uint32
        self._library.ev_hist_add.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
        self._library.ev_clear.argtypes = [ctypes.c_void_p, ctypes.c_uint64]

    def tracepoint(self, name: str, *args: int) -> None:
        """Run a probe's own program `tp_<name>` where the last call of `place` put it."""
        self._library[f"tp_{name}"]((ctypes.c_uint64 * 6)(*args))

    def run(self, program: str) -> None:
        """The same with a program that no tracepoint runs, such as the clock's."""
        self._library[program](None)

    def _struct_types(
        self, structs: dict[str, list[tuple[str, str, int]]], count: int
    ) -> dict[str, type[ctypes.Structure]]:
        compiled = iter((ctypes.c_uint64 * count).in_dll(self._library, "layout"))
        kinds: dict[str, type[ctypes.Structure]] = {}
        for struct, members in structs.items():
            fields = []
            for kind, name, length in members:
                base = kinds.get(kind) or _TYPES[kind]
                fields.append((name, base * length if length else base))
            kind_type = type(struct, (ctypes.Structure,), {"_fields_": fields})
            kinds[struct] = kind_type
            assert ctypes.sizeof(kind_type) == next(compiled), struct
            for _, name, _ in members:
                assert getattr(kind_type, name).offset == next(compiled), (struct, name)
        return kinds

    def _array(self, name: str, kind: type) -> NDArray[np.void]:
        count = ctypes.c_uint64.in_dll(self._library, f"{name}_count").value
        elements = (kind * count).in_dll(self._library, f"{name}_elements")
        return np.frombuffer(elements, dtype=np.dtype(kind))

    def hist_bucket(self, ns: int) -> int:
        """The bucket the C puts this value into."""
        return int(self._library.ev_hist_bucket(ns))

    def hist_of(
        self, values: list[int], record: NDArray[np.void] | None = None
    ) -> NDArray[np.void]:
        """A `struct hist`, empty or `record`, to which the C added these values."""
        record = np.zeros(1, self.hist_dtype) if record is None else record
        for ns in values:
            self._library.ev_hist_add(record.ctypes.data, ns)
        return record

    def reset(self) -> None:
        """Everything as after loading the programs."""
        for array in self.arrays.values():
            self._library.ev_clear(array.ctypes.data, array.nbytes)
