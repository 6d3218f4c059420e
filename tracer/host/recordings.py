"""Recordings on disk: a directory with every event of a run (docs/recordings.md), read."""

from __future__ import annotations

import importlib.util
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError
from tracer.host import parquet_events
from tracer.host.installation import not_installed
from tracer.host.spool import spooled
from tracer.model.events import Events, Kind, Outcome
from tracer.model.states import SOURCES
from tracer.model.threads import SLOT_BITS

FORMAT, VERSION = "tracer.recording", 1
_CPU_BITS = 16  # of an event
META, REPORT, VECTORS = "meta.json", "report.json", "vectors.npz"


def _is_number(value: object, bits: int = 63) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << bits


def _is_list(value: object, is_right: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(is_right, value))


def _is_window(value: object) -> bool:
    names = {"start_ns", "end_ns", "end_slot"}
    return value is None or (
        isinstance(value, dict) and set(value) == names and all(map(_is_number, value.values()))
    )


def _is_thread(value: object) -> bool:
    numbers, texts = ("slot", "life", "tid", "tgid"), ("name", "process")
    return (
        isinstance(value, dict)
        and all(_is_number(value.get(name), 32) for name in numbers)
        and value["slot"] < 1 << SLOT_BITS
        and all(isinstance(value.get(name), str) for name in texts)
    )


def _is_losses(value: object) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, dict)
        and _is_number(value.get("total"))
        and _is_list(
            value.get("by_cpu_second"),
            lambda row: _is_list(row, _is_number) and len(row) == 3,
        )
    )


def _are_cpus(value: Any) -> bool:
    return _is_list(value, lambda cpu: _is_number(cpu, _CPU_BITS))


#: Members of meta.json that are relied on, and what each has to be.
_SHAPES: Mapping[str, Callable[[Any], bool]] = {
    "complete": lambda value: isinstance(value, bool),
    "truncated": lambda value: value is None or isinstance(value, str),
    "command": lambda value: _is_list(value, lambda word: isinstance(word, str)),
    "host": lambda value: isinstance(value, dict),
    "machine": lambda value: isinstance(value, str),
    "cpus": _are_cpus,
    "cpus_at_end": lambda value: value is None or _are_cpus(value),
    "window": _is_window,
    "events": lambda value: value is None or _is_number(value),
    "losses": _is_losses,
    "began": lambda value: (
        value is None or (isinstance(value, dict) and _is_number(value.get("monotonic_ns")))
    ),
    "last": lambda value: (
        value is None or (isinstance(value, dict) and _is_number(value.get("since_ns")))
    ),
    "threads": lambda value: value is None or _is_list(value, _is_thread),
    "own_parts": lambda value: _is_list(value, lambda word: isinstance(word, str)),
}


def require_libraries() -> None:
    """TracerError where the libraries that recordings need are not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise not_installed("recordings need", "pyarrow", "record")


def read_meta(directory: Path) -> dict[str, Any]:
    """What meta.json of a recording says; TracerError for what is none."""
    try:
        meta = json.loads((directory / META).read_text())
    except OSError as error:
        raise damaged(directory, f"{META}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise damaged(directory, f"{META} is not JSON: {error}") from None
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise damaged(directory, f"{META} is not that of a recording")
    if meta.get("version") != VERSION:
        raise TracerError(
            f"{directory}: this recording has version {meta.get('version')}; this tracer reads"
            f" version {VERSION}",
            "read it with the tracer that made it, or record again",
            exit_code=2,
        )
    for name, is_right in _SHAPES.items():
        if not is_right(meta.get(name)):
            raise damaged(directory, f"{name} in {META} is not what it has to be")
    meta["threads"] = meta.get("threads") or []  # of one that was not ended, none are known
    return meta


def read(directory: Path) -> Events:
    """All events of a recording; about 27 bytes of memory each. TracerError for what is none."""
    meta = read_meta(directory)
    require_libraries()
    try:
        rows = _rows(directory, meta)
        _require_known(rows)
    except (
        OSError,
        ValueError,
        MemoryError,
        OverflowError,
        KeyError,
        NotImplementedError,
    ) as error:
        raise damaged(directory, " ".join(str(error).split()) or type(error).__name__) from None
    window = _window(meta, rows)
    return Events(rows, window["start_ns"], window["end_ns"], window["end_slot"])


def _require_known(rows: NDArray[np.void]) -> None:
    """ValueError for an event, or a wake-up, of a kind that does not exist."""
    if not np.isin(rows["kind"], list(Kind)).all():
        raise ValueError("it has events of a kind that does not exist")
    what = rows["what"][rows["kind"] == Kind.WAKING]
    source, outcome = (what >> np.uint64(bit) & np.uint64(0xFF) for bit in (32, 40))
    if source.max(initial=0) >= len(SOURCES) or outcome.max(initial=0) >= len(Outcome):
        raise ValueError("it has wake-ups of a kind that does not exist")


def _rows(directory: Path, meta: Mapping[str, Any]) -> NDArray[np.void]:
    """A spool that is there has all of it: what follows it was not completed."""
    if spool := spooled(directory):
        since_ns = (meta.get("last") or {}).get("since_ns", 0)
        near_ns = (meta.get("began") or {}).get("monotonic_ns", 0)
        rows = np.concatenate(list(parquet_events.merged(spool, since_ns, near_ns)))
        return parquet_events.in_order(rows)
    files = sorted(directory.glob("events-*.parquet"))
    rows = parquet_events.read(files)
    if meta.get("window") and len(rows) != meta["events"]:
        raise ValueError(f"it has {len(rows)} events, not {meta['events']}")
    return rows


def read_vectors(directory: Path) -> dict[str, NDArray[Any]]:
    """The kernel's own rows at the end: `threads.<member>` and `cpus.<member>` of its structs,
    `threads.row`: which rows these are, `epoch`. TracerError where they are not there."""
    try:
        with np.load(directory / VECTORS, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, MemoryError,
            zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        raise _beside_events(directory / VECTORS, f"cannot be read: {error}") from None


def read_report(directory: Path) -> dict[str, Any]:
    """The JSON document of the run; TracerError where it is not there."""
    try:
        report = json.loads((directory / REPORT).read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise _beside_events(directory / REPORT, f"cannot be read: {error}") from None
    if not isinstance(report, dict):
        raise _beside_events(directory / REPORT, "does not follow the schema of a report")
    return report


def _beside_events(file: Path, why: str) -> TracerError:
    """For a file without which the events can be read still."""
    return TracerError(
        f"{file} {why}", "remove that file to read the events without it", exit_code=2
    )


def _window(meta: Mapping[str, Any], rows: NDArray[np.void]) -> dict[str, int]:
    """The window; where it was not closed, from its first event to the last one."""
    if meta.get("window"):
        return dict(meta["window"])
    edges = rows[rows["kind"] == Kind.WINDOW]
    opens = edges["t_ns"][edges["extra"] == 1]
    times = opens if len(opens) else rows["t_ns"]
    start_ns = int(times[0]) if len(times) else 0
    return {"start_ns": start_ns, "end_ns": int(rows["t_ns"].max(initial=start_ns)), "end_slot": 0}


def damaged(directory: Path, why: str) -> TracerError:
    """For a directory that is no recording, or one that cannot be read."""
    return TracerError(
        f"{directory} is no recording that can be read: {why}",
        "name a directory that tracer run --record made",
        exit_code=2,
    )
