"""The only importer of BCC: compiles the joined C files, attaches raw tracepoints, maps arrays."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError

_HEADERS = Path(__file__).parent / "headers"  # BCC looks for include/ below it


def import_bcc() -> Any:
    """BCC's Python package; TracerError when it is missing or is PyPI's unrelated namesake."""
    try:
        import bcc
    except ImportError as error:
        raise TracerError(
            f"BCC's Python package cannot be imported: {error}",
            "install python3-bpfcc (Debian, Ubuntu), python3-bcc (Fedora) or python-bcc (Arch),"
            " then: make setup",
        ) from error
    if not hasattr(bcc, "BPF"):
        raise TracerError(
            f"the package `bcc` found at {bcc.__file__} is not the BPF Compiler Collection",
            "PyPI's `bcc` is unrelated: pip uninstall bcc, then: make setup",
        )
    return bcc


@contextlib.contextmanager
def _stderr_to(path: str) -> Iterator[None]:
    """clang and the loader write to descriptor 2; keep that for the error message."""
    sys.stderr.flush()
    saved = os.dup(2)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(target, 2)
    os.close(target)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


class Module:
    """One compiled BPF object.

    Parameters
    ----------
    files:
        C files, joined in this order (BCC rewrites map look-ups in the main text only).
    macros:
        `-D` settings; a value of "" defines the bare name.
    """

    def __init__(self, files: Sequence[Path], macros: Mapping[str, object]) -> None:
        bcc = import_bcc()
        os.environ["BCC_KERNEL_SOURCE"] = str(_HEADERS)
        text = "".join(f'#line 1 "{file.name}"\n{file.read_text()}' for file in files)
        flags = [f"-I{files[0].parent}", "-g0"]  # debug information is a tenth of the compile time
        flags += [f"-D{name}={value}" for name, value in macros.items()]
        with tempfile.NamedTemporaryFile("r", prefix="tracer-bcc-") as log:
            try:
                with _stderr_to(log.name):
                    self._bpf = bcc.BPF(text=text.encode(), cflags=flags)
            except Exception as error:  # BCC raises bare Exception
                raise TracerError(
                    f"the BPF programs did not compile: {error}\n{log.read().strip()}",
                    "a fault of tracer on this kernel: please report it with the text above",
                ) from error
        self._raw = bcc.BPF.RAW_TRACEPOINT
        self._maps: list[mmap.mmap] = []
        self._attached: list[str] = []
        self._programs: dict[str, Any] = {}

    def load(self, program: str) -> None:
        """Have the verifier accept the program."""
        if program in self._programs:
            return
        with tempfile.NamedTemporaryFile("r", prefix="tracer-bcc-") as log:
            try:
                with _stderr_to(log.name):
                    self._programs[program] = self._bpf.load_func(program.encode(), self._raw)
            except Exception as error:
                raise TracerError(
                    f"the kernel refused the BPF program {program}: {error}\n"
                    + log.read().strip()[-2000:],
                    "is BPF allowed here? root or CAP_BPF + CAP_PERFMON is needed",
                ) from error

    def attach(self, tracepoints: Sequence[str], prefix: str = "tp_") -> None:
        """Attach the program `<prefix><name>` to each raw tracepoint in turn; all or nothing."""
        for name in tracepoints:
            self.load(prefix + name)
        try:
            for name in tracepoints:
                self._bpf.attach_raw_tracepoint(tp=name.encode(), fn_name=(prefix + name).encode())
                self._attached.append(name)
        except Exception as error:
            self.detach()
            raise TracerError(
                f"cannot attach to the raw tracepoint {name}: {error}",
                "raw tracepoints need root or CAP_BPF + CAP_PERFMON",
            ) from error

    def detach(self) -> None:
        """Detach everything; the arrays stay readable."""
        while self._attached:
            self._bpf.detach_raw_tracepoint(tp=self._attached.pop().encode())

    def array(self, name: str) -> NDArray[np.void]:
        """The array map `name` as a writable view of the kernel's own memory."""
        table = self._bpf[name.encode()]
        dtype = np.dtype(table.Leaf)
        stride = (ctypes.sizeof(table.Leaf) + 7) // 8 * 8  # the kernel rounds elements up
        length = (stride * table.max_entries + mmap.PAGESIZE - 1) // mmap.PAGESIZE * mmap.PAGESIZE
        memory = mmap.mmap(table.map_fd, length)
        self._maps.append(memory)
        return np.ndarray((table.max_entries,), dtype, memory, strides=(stride,))

    def missed(self) -> int:
        """Events the kernel dropped because a program was already running on that CPU."""
        total = 0
        for program in self._programs.values():
            for line in Path(f"/proc/self/fdinfo/{program.fd}").read_text().splitlines():
                if line.startswith("recursion_misses:"):
                    total += int(line.split()[1])
        return total

    def close(self) -> None:
        """Detach, unload and free the maps (numpy views of them must be gone)."""
        self.detach()
        self._bpf.cleanup()
