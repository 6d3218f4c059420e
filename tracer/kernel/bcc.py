"""The only importer of BCC: compiles the joined C files to BPF instructions."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracer.errors import TracerError
from tracer.host.installation import installation
from tracer.host.system_bcc import system_bcc
from tracer.kernel.compiled import INSTRUCTION, Compiled, Map

HEADERS = Path(__file__).parent / "headers"  # BCC looks for include/ below it


def import_bcc() -> Any:
    """BCC's Python package: that on Python's path, else the distribution's, wherever this Python
    is. TracerError when there is none, or none that can be used."""
    try:
        import bcc

        why = f"the package `bcc` found at {bcc.__file__} is not the BPF Compiler Collection"
        if hasattr(bcc, "BPF"):
            return bcc
    except (ImportError, OSError) as error:  # OSError: its library is missing
        why = f"BCC's Python package cannot be imported: {error}"
    directory = next(iter(system_bcc()), None)
    if directory is None:
        raise TracerError(why, _to_install())
    try:
        return _imported(directory)
    except Exception as error:  # of another Python's package anything can fail
        raise TracerError(
            f"BCC's Python package in {directory} cannot be used: {error}",
            "it was made for the system's Python: make tracer's virtual environment with that one,"
            " /usr/bin/python3 -m venv DIRECTORY",
        ) from error


def _imported(directory: Path) -> Any:
    """The package in this directory as `bcc`; nothing else of what lies beside it can be imported,
    and no bytecode of this Python is left there."""
    spec = importlib.util.spec_from_file_location(
        "bcc", directory / "__init__.py", submodule_search_locations=[str(directory)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = {name: sys.modules.pop(name) for name in _modules()}
    writes = sys.dont_write_bytecode
    sys.modules["bcc"], sys.dont_write_bytecode = module, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a newer Python's compiler
            spec.loader.exec_module(module)
    except BaseException:
        for name in _modules():
            del sys.modules[name]
        sys.modules.update(before)
        raise
    finally:
        sys.dont_write_bytecode = writes
    return module


def _modules() -> list[str]:
    return [name for name in sys.modules if name == "bcc" or name.startswith("bcc.")]


def _to_install() -> str:
    """What to install, and how this Python sees it."""
    used = installation()
    packages = "python3-bpfcc (Debian, Ubuntu), python3-bcc (Fedora) or python-bcc (Arch)"
    if used.kind == "clone":
        return f"{used.to_build()}, or install {packages}"
    site = sysconfig.get_path("purelib")
    return (
        f"install the system's package {packages}: tracer finds it from any virtual environment;"
        f" one in another place has to be linked: ln -s DIRECTORY/bcc {site}/bcc"
        " (PyPI's `bcc` is another program)"
    )


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


def compile_programs(files: Sequence[Path], macros: Mapping[str, object]) -> Compiled:
    """Every program and map of the joined C files.

    Parameters
    ----------
    files:
        C files, joined in this order (BCC rewrites map look-ups in the main text only).
    macros:
        `-D` settings; a value of "" defines the bare name.
    """
    bcc = import_bcc()
    os.environ["BCC_KERNEL_SOURCE"] = str(HEADERS)
    text = "".join(f'#line 1 "{file.name}"\n{file.read_text()}' for file in files)
    flags = [f"-I{files[0].parent}", "-g0"]  # debug information is a tenth of the compile time
    flags += [f"-D{name}={value}" for name, value in macros.items()]
    with tempfile.NamedTemporaryFile("r", prefix="tracer-bcc-") as log:
        try:
            with _stderr_to(log.name):
                bpf = bcc.BPF(text=text.encode(), cflags=flags)
        except Exception as error:  # BCC raises bare Exception
            raise TracerError(
                f"the BPF programs did not compile: {error}\n{log.read().strip()}",
                "a fault of tracer on this kernel: please report it with the text above",
            ) from error
    try:
        return _taken_out(bcc.lib, bpf)
    finally:
        bpf.cleanup()


def _taken_out(lib: Any, bpf: Any) -> Compiled:
    """Replace the descriptors of BCC's own maps in the code by the maps' indices."""
    # undeclared by BCC: ctypes cuts a pointer to 32 bits, and only those of some Pythons survive
    lib.bpf_num_tables.restype, lib.bpf_num_tables.argtypes = ctypes.c_size_t, [ctypes.c_void_p]
    lib.bpf_table_name.restype = ctypes.c_char_p
    lib.bpf_table_name.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    maps, index_of = [], {}
    for number in range(lib.bpf_num_tables(bpf.module)):
        name = lib.bpf_table_name(bpf.module, number)
        table = bpf[name]
        index_of[table.map_fd] = number
        maps.append(
            Map(
                name=name.decode(),
                kind=table.ttype,
                key_bytes=ctypes.sizeof(table.Key),
                value_bytes=ctypes.sizeof(table.Leaf),
                max_entries=table.max_entries,
                flags=lib.bpf_table_flags_id(bpf.module, number),
                layout=repr(np.lib.format.dtype_to_descr(np.dtype(table.Leaf))),
            )
        )
    programs = {}
    for number in range(lib.bpf_num_functions(bpf.module)):
        name = lib.bpf_function_name(bpf.module, number)
        code = np.frombuffer(bpf.dump_func(name), INSTRUCTION).copy()
        refers = (code["op"] == 0x18) & (code["regs"] >> 4 == 1)
        code["imm"][refers] = [index_of[fd] for fd in code["imm"][refers].tolist()]
        programs[name.decode()] = code
    return Compiled(programs, tuple(maps))
