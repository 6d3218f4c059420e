"""The bpf(2) system call: create maps, load and time programs, attach them to raw tracepoints.

Numbers and layouts are of linux/bpf.h, which the kernel keeps stable.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import re
import struct
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError
from tracer.host.files import fields_of
from tracer.host.requirements import locked_down, why_forbidden
from tracer.kernel.clocks import Clocks
from tracer.kernel.compiled import Compiled, Map
from tracer.model.cost import RunTime

_MAP_CREATE, _PROG_LOAD, _OBJ_GET_INFO_BY_FD, _RAW_TRACEPOINT_OPEN = 0, 5, 15, 17
_ENABLE_STATS = 32  # Linux 5.8; needs CAP_SYS_ADMIN
_PERF_EVENT, _RAW_TRACEPOINT = 7, 17
_STATS_RUN_TIME = 0
#: struct bpf_prog_info up to run_cnt, which is its last member needed here.
_RUN_TIME_NS, _INFO_BYTES = 192, 208
_TRACING, _TRACE_RAW_TP = 26, 23
_LOAD_64, _MAP_FD = 0x18, 1
_LICENSE = b"GPL\0"
_NAME_LENGTH = 15
_LOG_BYTES = 1 << 20
_LOG_LINES = 3  #: of it that a message has
_ENOTSUPP = 524  # of the kernel alone; what its compilers say of an instruction that they lack

#: In the log of a kernel that is locked down for confidentiality and does not say so in securityfs.
_LOCKED_DOWN = re.compile(r"(unknown func|cannot use helper) bpf_probe_read_kernel")
_STATISTICS = "processed "  # the log's last line

_libc = ctypes.CDLL(None, use_errno=True)
_NUMBER = {"x86_64": 321, "aarch64": 280}.get(platform.machine(), 280)


def _bpf(command: int, attr: bytes) -> int:
    """The call's result, for most commands a file descriptor, close-on-exec; raises OSError."""
    buffer = ctypes.create_string_buffer(attr, len(attr))
    fd = int(_libc.syscall(_NUMBER, command, buffer, len(attr)))
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return fd


def count_run_times() -> int:
    """Let the kernel time every BPF program on this host until the descriptor is closed.

    OSError before Linux 5.8 and without CAP_SYS_ADMIN. Each run costs two clock readings more
    meanwhile; switching it on and off patches the kernel's code on every CPU.
    """
    return _bpf(_ENABLE_STATS, struct.pack("=I", _STATS_RUN_TIME))


def _run_time(program: int) -> RunTime:
    info = ctypes.create_string_buffer(_INFO_BYTES)
    attr = struct.pack("=2IQ", program, _INFO_BYTES, ctypes.addressof(info))
    _bpf(_OBJ_GET_INFO_BY_FD, attr)
    ns, runs = struct.unpack_from("=2Q", info, _RUN_TIME_NS)
    return RunTime(runs, ns)


def _create(item: Map) -> int:
    attr = struct.pack("=5I2I16s", item.kind, item.key_bytes, item.value_bytes,
                       item.max_entries, item.flags, 0, 0,
                       item.name.encode()[:_NAME_LENGTH])  # fmt: skip
    try:
        return _bpf(_MAP_CREATE, attr)
    except OSError as error:
        raise TracerError(
            f"the kernel refused the BPF map {item.name}"
            f" ({item.value_bytes * item.max_entries >> 10} KiB): {error.strerror}",
            _what_to_do(error),
        ) from error


def _what_to_do(error: OSError) -> str:
    """Where the kernel refuses a call of bpf(2)."""
    if error.errno in (errno.EPERM, errno.EACCES):
        return why_forbidden()
    if error.errno == errno.ENOMEM:
        return "free some memory; the limit of tracer's control group (memory.max) counts too"
    if error.errno == _ENOTSUPP:
        return "this kernel's BPF compiler (JIT) lacks an instruction: run it on a newer kernel"
    return "a fault of tracer on this kernel: please report it with the text above"


class Module:
    """The maps and programs of one `Compiled`, in the kernel.

    The kernel frees everything when these descriptors are closed, also when tracer is killed.
    """

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled
        self._maps: dict[str, tuple[Map, int]] = {}
        self._programs: dict[str, int] = {}
        self._typed: set[str] = set()
        self._links: list[int] = []
        self._clocks: list[Clocks] = []
        try:
            for item in compiled.maps:
                self._maps[item.name] = item, _create(item)
        except TracerError:
            self.close()
            raise

    def load_all(self, type_ids: Mapping[str, int]) -> None:
        """`load` each of these programs with its type, beside each other, begun in this order: the
        verifier takes its time, and one CPU for each."""
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            for loaded in [threads.submit(self.load, p, type_ids[p]) for p in type_ids]:
                loaded.result()

    def load(self, program: str, type_id: int = 0, is_clocks: bool = False) -> None:
        """Load the program through the verifier; TracerError with its log when it refuses.

        With `type_id`, the kernel's own type of its raw tracepoint (Btf.tracepoint_type), the
        program may read the structs that its arguments point to without a helper. `is_clocks`:
        it is for perf events instead.
        """
        if program in self._programs:
            return
        code = self._compiled.programs[program].copy()
        fds = np.array([fd for _item, fd in self._maps.values()], dtype=np.int32)
        refers = (code["op"] == _LOAD_64) & (code["regs"] >> 4 == _MAP_FD)
        code["imm"][refers] = fds[code["imm"][refers]]
        try:
            kind = _PERF_EVENT if is_clocks else _TRACING if type_id else _RAW_TRACEPOINT
            self._programs[program] = self._load(program, code, kind, type_id)
            if type_id:
                self._typed.add(program)
        except OSError as error:
            log = self._verifier_log(program, code, kind, type_id)
            if _LOCKED_DOWN.search(log):
                raise locked_down() from error
            raise TracerError(
                f"the kernel refused the BPF program {program}: {error.strerror}" + log,
                _what_to_do(error),
            ) from error

    @staticmethod
    def _load(program: str, code: NDArray[np.void], kind: int, type_id: int,
              log: ctypes.Array[ctypes.c_char] | None = None) -> int:  # fmt: skip
        license_ = ctypes.create_string_buffer(_LICENSE)
        head = struct.pack(
            "=2I2Q2IQ2I16s2I36xI",
            kind,
            len(code), code.ctypes.data, ctypes.addressof(license_),
            int(log is not None), len(log) if log is not None else 0,
            ctypes.addressof(log) if log is not None else 0,
            0, 0, program.encode()[:_NAME_LENGTH],
            0, _TRACE_RAW_TP if type_id else 0, type_id,
        )  # fmt: skip
        return _bpf(_PROG_LOAD, head)

    def _verifier_log(self, program: str, code: NDArray[np.void], kind: int, type_id: int) -> str:
        """The last lines of the verifier's log for a program that it refused."""
        log = ctypes.create_string_buffer(_LOG_BYTES)
        try:
            os.close(self._load(program, code, kind, type_id, log))
        except OSError:
            lines = log.value.decode(errors="replace").splitlines()
            told = [line for line in lines if line.strip() and not line.startswith(_STATISTICS)]
            return "".join(f"\n{line}" for line in told[-_LOG_LINES:])
        return ""

    def attach(self, tracepoints: Sequence[str], prefix: str = "tp_") -> None:
        """Attach the program `<prefix><name>` to each raw tracepoint in turn; all or nothing."""
        for name in tracepoints:
            self.load(prefix + name)
        for name in tracepoints:
            text = ctypes.create_string_buffer(name.encode())
            # a typed program knows its tracepoint
            at = 0 if prefix + name in self._typed else ctypes.addressof(text)
            attr = struct.pack("=QI4x", at, self._programs[prefix + name])
            try:
                self._links.append(_bpf(_RAW_TRACEPOINT_OPEN, attr))
            except OSError as error:
                self.detach()
                raise TracerError(
                    f"cannot attach to the raw tracepoint {name}: {error.strerror}",
                    _what_to_do(error),
                ) from error

    def attach_clocks(self, program: str, period_ns: int, cpus: Sequence[int]) -> None:
        """Run the program on each of these CPUs, on average every `period_ns`."""
        self.load(program, is_clocks=True)
        try:
            self._clocks.append(Clocks(cpus, period_ns, self._programs[program]))
        except OSError as error:
            self.detach()
            raise TracerError(
                f"cannot sample stacks by the CPUs' clock (perf_event_open): {error.strerror}",
                f"{_what_to_do(error)}; --probe sched,syscalls needs no clock",
            ) from error

    def detach(self) -> None:
        """Detach everything; the arrays stay readable."""
        while self._clocks:
            self._clocks.pop().close()
        while self._links:
            os.close(self._links.pop())

    def array(self, name: str, first: int = 0, rows: int | None = None) -> NDArray[np.void]:
        """The array map `name`, or `rows` of it from the row `first` on, as a writable view of the
        kernel's own memory. It is mapped as long as the view is there."""
        item, fd = self._maps[name]
        most, stride = self.size(name)
        rows = most - first if rows is None else rows
        page, offset = divmod(first * stride, mmap.PAGESIZE)
        length = -(-(offset + rows * stride) // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(fd, length, offset=page * mmap.PAGESIZE)
        return np.ndarray((rows,), item.dtype, memory, offset, strides=(stride,))

    def size(self, name: str) -> tuple[int, int]:
        """Of the array map `name`: its rows, and the bytes from one to the next."""
        item, _fd = self._maps[name]
        return item.max_entries, (item.value_bytes + 7) // 8 * 8  # the kernel rounds elements up

    def descriptor(self, name: str) -> int:
        """The array map `name`, for another process to map; it stays this module's."""
        return self._maps[name][1]

    def run_times(self) -> Mapping[str, RunTime]:
        """By loaded program: its runs since then, as far as the kernel counted them."""
        return {name: _run_time(fd) for name, fd in self._programs.items()}

    def missed(self) -> dict[str, int]:
        """By program: events dropped because one was already running on that CPU."""
        return {
            name: int(fields_of(Path(f"/proc/self/fdinfo/{fd}")).get("recursion_misses", 0))
            for name, fd in self._programs.items()
        }

    def close(self) -> None:
        """Detach, unload and free the maps (numpy views keep theirs until they are gone)."""
        self.detach()
        for fd in (*self._programs.values(), *(fd for _item, fd in self._maps.values())):
            os.close(fd)
        self._programs.clear()
        self._maps.clear()
