"""Where distributions put BCC's Python package, for a Python that does not have it on its path.

It is plain Python over the library libbcc, so that one of another Python version will do. What
PyPI calls `bcc` is another program.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

#: Debian and Ubuntu have one directory for all versions, others one for each.
_PACKAGES_AT = (
    "lib/python3/dist-packages",
    "lib/python3.*/site-packages",
    "lib64/python3.*/site-packages",
    "local/lib/python3.*/dist-packages",
    "local/lib/python3.*/site-packages",
)


def system_bcc(prefix: Path = Path("/usr")) -> Sequence[Path]:
    """The directories of BCC's package below `prefix`; those of this Python's version come before
    those of others."""
    found = [init for place in _PACKAGES_AT for init in prefix.glob(f"{place}/bcc/__init__.py")]
    return sorted((init.parent for init in found if is_bcc(init)), key=_distance)


def is_bcc(init: Path) -> bool:
    """Whether a package's __init__.py is that of the BPF Compiler Collection."""
    try:
        return "class BPF" in init.read_text(errors="replace")
    except OSError:
        return False


def _distance(directory: Path) -> int:
    """How many minor versions of Python lie between this one and that of a directory."""
    version = re.search(r"/python3\.(\d+)/", str(directory))
    return abs(int(version[1]) - sys.version_info.minor) if version else 0
