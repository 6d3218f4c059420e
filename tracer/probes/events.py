"""Events: every switch, wake-up, call, migration and idle transition, one by one (`--record`)."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from tracer.host.cpus import cpu_numbers
from tracer.host.files import text_of
from tracer.model.events import Kept, Kind
from tracer.model.probe import Arrays, Context, KernelTypes, Probe
from tracer.model.section import Scale, Section, Table
from tracer.units import count, plain

#: Records in the rings of all CPUs together, and of each CPU at most and at least, 24 bytes each.
_RECORDS, _MOST, _FEWEST = 1 << 20, 1 << 19, 1 << 14
#: For so many seconds back losses are told apart.
LOSS_SECONDS = 64
#: Programs that can interrupt one another on a CPU, and more.
NESTED = 16
#: Rows of the table of losses.
_SHOWN = 8


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


def _read(_arrays: Arrays, _context: Context) -> Kept | None:
    """Nothing: what became of the events is known when they are on the disk (host/recorder.py)."""
    return None


# ---- the report ----


def _data(kept: Kept) -> dict[str, Any]:
    return {
        "directory": kept.directory,
        "events": kept.events,
        "truncated": kept.truncated or None,
        "losses": {
            "total": kept.lost,
            "by_cpu_second": [[*key, number] for key, number in sorted(kept.losses.items())],
        },
    }


def _report(kept: Kept | None, _scale: Scale) -> Section:
    """How many there are, and which are missing."""
    if kept is None:
        return Section("Recording", ["no event was kept"], {})
    blocks: list[str | Table] = [f"{count(kept.events)} events in {plain(kept.directory)}"]
    if kept.truncated:
        blocks.append(f"TRUNCATED, later events are missing: {kept.truncated}")
    if kept.lost:
        blocks.append(
            f"{count(kept.lost)} events LOST: they came faster than they could be written down"
        )
        worst = sorted(kept.losses.items(), key=lambda one: -one[1])[:_SHOWN]
        first = kept.start_ns // 1_000_000_000
        rows = [[str(cpu), str(s - first), count(number)] for (cpu, s), number in sorted(worst)]
        blocks.append(Table(["CPU", "second", "lost"], rows))
    return Section("Recording", blocks, _data(kept))


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
    report=_report,
    macros=_macros,
)
