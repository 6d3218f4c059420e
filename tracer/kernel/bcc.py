"""The only importer of BCC: compiles the joined C files to BPF instructions."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracer.errors import TracerError
from tracer.host.installation import installation
from tracer.host.system_bcc import system_bcc
from tracer.kernel.compiled import INSTRUCTION, Compiled, Map

#: LLVM has them since 12 (commit 286daafd6512, "[BPF] support atomic instructions").
_WITHOUT_ATOMICS = re.compile(r"LLVM ERROR: Cannot select: .*Atomic")

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


def compile_programs(files: Sequence[Path], macros: Mapping[str, object]) -> Compiled:
    """Every program and map of the joined C files.

    Compiled by a process of its own, since LLVM takes 270 MB that it never gives back.

    Parameters
    ----------
    files:
        C files, joined in this order (BCC rewrites map look-ups in the main text only).
    macros:
        `-D` settings; a value of "" defines the bare name.
    """
    request = {
        "text": "".join(f'#line 1 "{file.name}"\n{file.read_text()}' for file in files),
        # debug information is a tenth of the compile time
        "flags": [f"-I{files[0].parent}", "-g0", *(f"-D{n}={v}" for n, v in macros.items())],
    }
    # the modules are found as here: nothing of the directory that tracer was started in
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import _answer; _answer()"
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(request), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise _not_compiled(done.returncode, done.stderr.strip())
    answer = json.loads(done.stdout)
    if "message" in answer:
        raise TracerError(answer["message"], answer["hint"])
    return Compiled.from_json(done.stdout)


def _not_compiled(status: int, said: str) -> TracerError:
    """Why the compiler ended with this exit status."""
    if _WITHOUT_ATOMICS.search(said):
        version = getattr(import_bcc(), "__version__", "here")
        return TracerError(
            f"BCC {version} is too old: its compiler, an LLVM before 12, has no BPF atomic"
            " operations with a result",
            "install a BCC with a newer LLVM (Debian 12 has one), or run tracer from the file tree"
            " of a newer release: docs/kernels.md",
        )
    return TracerError(
        f"the BPF programs did not compile (status {status})\n{said}",
        "a fault of tracer on this kernel: please report it with the text above",
    )


def _answer() -> None:
    """The process that compiles: a request on its standard input, programs or why there are none
    on its standard output; clang and the loader write to standard error."""
    request = json.load(sys.stdin)
    try:
        bcc = import_bcc()
    except TracerError as error:
        print(json.dumps({"message": error.message, "hint": error.hint}))
        return
    os.environ["BCC_KERNEL_SOURCE"] = str(HEADERS)
    try:
        bpf = bcc.BPF(text=request["text"].encode(), cflags=request["flags"])
    except Exception as error:  # BCC raises bare Exception
        sys.exit(f"{error}")
    try:
        print(_taken_out(bcc.lib, bpf).to_json())
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
