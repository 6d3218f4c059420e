"""The programs that commands of the user's start: whether they are there, and which they are."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tracer.errors import TracerError
from tracer.experiment.condition import Condition
from tracer.host.debug_files import BROKEN, build_id_of
from tracer.host.files import memory_of
from tracer.units import plain

_SHOWN_DIGITS = 16


def programs_of(conditions: Sequence[Condition], env: Mapping[str, str]) -> dict[str, str]:
    """What the commands among these start, by the name that they call it, and which file that is
    (`identity`), with `env`.

    TracerError (exit status 127) for one that is not there.
    """
    found = {}
    for name in dict.fromkeys(one.command[0] for one in conditions if one.command):
        path = shutil.which(name, path=env.get("PATH"))
        if path is None:
            raise TracerError(
                f"cannot start {plain(name)}: there is no such program that can be run",
                "give its whole path, or put its directory on the PATH that tracer is started with",
                exit_code=127,
            )
        found[name] = identity(Path(path))
    return found


def identity(path: Path) -> str:
    """`build id 1f2e...` of an ELF file that has one; else `SHA-256 1f2e...`, its first digits;
    `unreadable`."""
    try:
        with memory_of(path) as data:
            try:
                build_id = build_id_of(data).hex()
            except BROKEN:
                build_id = ""
            if build_id:
                return f"build id {build_id[:_SHOWN_DIGITS]}"
            return f"SHA-256 {hashlib.sha256(data).hexdigest()[:_SHOWN_DIGITS]}"
    except (OSError, ValueError):  # an empty file cannot be mapped
        return "unreadable"
