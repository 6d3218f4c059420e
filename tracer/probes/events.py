"""Events: every switch, wake-up, call, migration and idle transition, one by one (`--record`)."""

from __future__ import annotations

import platform
from pathlib import Path

from tracer.host.cpus import cpu_numbers
from tracer.host.files import text_of
from tracer.model.events import Kind
from tracer.model.probe import Arrays, Context, KernelTypes, Probe

#: Records in the rings of all CPUs together, and of each CPU at most and at least, 24 bytes each.
_RECORDS, _MOST, _FEWEST = 1 << 20, 1 << 19, 1 << 14
#: For so many seconds back losses are told apart.
LOSS_SECONDS = 64
#: Programs that can interrupt one another on a CPU, and more.
NESTED = 16


def _macros(_types: KernelTypes) -> dict[str, object]:
    cpus = max(cpu_numbers(text_of(Path("/sys/devices/system/cpu/possible")))) + 1
    each = 1 << (_RECORDS // cpus).bit_length() - 1 if cpus < _RECORDS else 1
    in_order = platform.machine() == "x86_64"
    return {
        "RECORDS_OF_CPU": max(_FEWEST, min(each, _MOST)),
        "LOSS_SECONDS": LOSS_SECONDS,
        "NESTED": NESTED,
        **{f"EVENT_{kind.name}": int(kind) for kind in Kind},
        **({"STORES_IN_ORDER": ""} if in_order else {}),
    }


def _read(_arrays: Arrays, _context: Context) -> None:
    """Nothing: the events are on the disk (kernel/event_reader.py)."""


PROBE = Probe(
    summary="every event, one by one, in a directory (only with --record)",
    hooks=(
        *("switched", "woken", "entered", "returned", "created", "executed", "dying"),
        *("row_begins", "moved", "window_edge", "idle_changed", "interrupt_sent"),
    ),
    arrays=("record_rings", "records", "record_losses"),
    tracepoints=("cpu_idle", "ipi_send_cpu"),
    states={"record_rings": (), "records": (), "record_losses": ()},
    read=_read,
    macros=_macros,
)
