"""Names of the threads of a Python program.

Python before 3.14 does not pass them to the kernel, for which all threads have the program's name.
py-spy reads them from the memory of the running process, which is not stopped (docs/adr/0012).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tracer.host.files import text_of
from tracer.host.processes import numbers_inside

#: Beside this Python in a virtual environment, else where pip puts commands of all or of one user.
_DIRECTORIES = (
    Path(sys.executable).parent,
    Path(sysconfig.get_path("scripts")),
    Path(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))),
)
PY_SPY = next(
    (found for found in (d / "py-spy" for d in _DIRECTORIES) if found.exists()),
    _DIRECTORIES[0] / "py-spy",
)

_PROC = Path("/proc")
#: A name is the target's: it may have any length.
_LONGEST_NAME = 60
#: How much of struct pthread to search for the tid.
_PTHREAD_BYTES = 2048


def is_python(pid: int, program: Path) -> bool:
    """Whether the process, which runs the file `program`, is a Python or has libpython."""
    if re.match(r"python[\d.]*\b", program.name):
        return True
    return "/libpython" in text_of(_PROC / str(pid) / "maps")


def names_in(pid: int, timeout_s: float = 2.0) -> dict[int, str]:
    """Thread number -> name, of the living Python threads of a process.

    Empty after `timeout_s`, and where they cannot be read: without py-spy, without the right to
    read the memory, for a Python that py-spy does not know or a process that has ended.
    """
    try:
        done = subprocess.run(
            [PY_SPY, "dump", "--nonblocking", "--json", "--pid", str(pid)],
            capture_output=True,
            timeout=timeout_s,
            check=True,
        )
        threads = json.loads(done.stdout)
        handles = {int(t["thread_id"]): str(t["thread_name"] or "") for t in threads}
        known = {int(t["thread_id"]): t["os_thread_id"] for t in threads}
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return {}
    inside = numbers_inside(pid)
    if None in known.values():  # before 3.11 the interpreter keeps only the pthread_t
        known = _numbers_of(pid, list(handles), inside)
    return {
        inside[known[handle]]: name[:_LONGEST_NAME]
        for handle, name in handles.items()
        if name and known.get(handle) in inside
    }


def _numbers_of(pid: int, handles: Iterable[int], inside: Mapping[int, int]) -> dict[int, int]:
    """Thread number behind each pthread_t, which is the address of the C library's record.

    For Python before 3.11, of which py-spy gives only the pthread_t. The offset of the tid in that
    record differs between libraries: it is the one at which every record has the number of a
    thread of the process, each a different one, and one of them the first thread's.
    Empty if there is none.
    """
    records = {}
    try:
        with (_PROC / str(pid) / "mem").open("rb", buffering=0) as memory:
            for handle in handles:
                memory.seek(handle)
                records[handle] = np.frombuffer(memory.read(_PTHREAD_BYTES), np.int32)
    except (OSError, ValueError, OverflowError):
        return {}
    first = {number for number, tid in inside.items() if tid == pid}
    for at in range(min((len(r) for r in records.values()), default=0)):
        numbers = {handle: int(record[at]) for handle, record in records.items()}
        found = set(numbers.values())
        if first <= found <= inside.keys() and len(found) == len(numbers):
            return numbers
    return {}
