"""What to start and where, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Spec:
    """One program to start.

    `cpus` empty means free to move. With `controlled` the program speaks the control protocol
    (docs/workloads.md) and the window is its measured part; otherwise it is exec to exit.
    `policy` "batch" starts it under SCHED_BATCH. A `quiet` one reads nothing and its standard
    output is dropped. With `unit_from`, a regular expression, the standard output goes through a
    pipe to tracer, which looks in it for the number of units of work done. With `output`, a file
    that exists, it reads nothing and writes there, in a session of its own: it has no terminal.
    """

    argv: tuple[str, ...]
    cpus: tuple[int, ...] = ()
    controlled: bool = True
    as_root: bool = False
    policy: str = ""
    quiet: bool = False
    unit_from: str = ""
    output: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
