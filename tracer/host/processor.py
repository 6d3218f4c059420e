"""A processor that numpy is not built for: told before numpy ends the process (SIGILL), or raises.

Imports little: every start of tracer asks.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from types import FrameType

from tracer.errors import TracerError

_CPUINFO = Path("/proc/cpuinfo")
#: Of x86-64-v2, by the kernel's names; numpy's packages need them from this version on.
_V2_FLAGS = frozenset({"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"})
_NUMPY_OF_V2 = (2, 4)


def processor_error() -> TracerError | None:
    """None where numpy can be used, as far as the processor's flags tell."""
    if os.uname().machine != "x86_64":
        return None
    lacking = sorted(_V2_FLAGS - _flags())
    if not lacking or _numpy_version() < _NUMPY_OF_V2:
        return None
    return _unusable(f"it lacks {', '.join(lacking)} of x86-64-v2")


def numpy_error(error: BaseException) -> TracerError | None:
    """What an error means that numpy raised as it was imported; None for any other error."""
    if not any(map(_is_import_of_numpy, traceback.walk_tb(error.__traceback__))):
        return None
    return _unusable(" ".join(str(error).split()))


def _unusable(why: str) -> TracerError:
    return TracerError(
        f"numpy cannot be used on this processor: {why}",
        "give a virtual machine the host's processor (-cpu host), or install a numpy for older"
        f" ones: {os.path.relpath(sys.executable)} -m pip install 'numpy<2.4'",
    )


def _flags() -> frozenset[str]:
    """Of the first CPU; all that are asked for where the kernel tells none."""
    try:
        with _CPUINFO.open(errors="replace") as lines:
            told = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        told = ""
    return frozenset(told.partition(":")[2].split()) or _V2_FLAGS


def _numpy_version() -> tuple[int, ...]:
    """Its first two numbers; none where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return tuple(int(part) for part in version("numpy").split(".")[:2])
    except (PackageNotFoundError, ValueError):
        return ()


def _is_import_of_numpy(at: tuple[FrameType, int]) -> bool:
    frame, _line = at
    package = frame.f_globals.get("__package__") or ""
    return frame.f_code.co_name == "<module>" and package.split(".")[0] == "numpy"
