"""Recordings on disk: a directory with every event of a run (docs/recordings.md), read."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError
from tracer.host import parquet_events
from tracer.host.spool import spooled
from tracer.model.events import Events, Kind

FORMAT, VERSION = "tracer.recording", 1
META, REPORT, VECTORS = "meta.json", "report.json", "vectors.npz"
#: The line that installs what recordings need.
INSTALL = "pip install 'tracer[record]'"


def require_libraries() -> None:
    """TracerError where the libraries that recordings need are not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise TracerError("recordings need pyarrow, which is not installed", INSTALL, exit_code=2)


def read_meta(directory: Path) -> dict[str, Any]:
    """What meta.json of a recording says; TracerError for what is none."""
    try:
        meta = json.loads((directory / META).read_text())
    except OSError as error:
        raise _damaged(directory, f"{META}: {error.strerror}") from None
    except ValueError as error:
        raise _damaged(directory, f"{META} is not JSON: {error}") from None
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise _damaged(directory, f"{META} is not that of a recording")
    if meta.get("version") != VERSION:
        raise TracerError(
            f"{directory}: this recording has version {meta.get('version')}; this tracer reads"
            f" version {VERSION}",
            "read it with the tracer that made it, or record again",
            exit_code=2,
        )
    return meta


def read(directory: Path) -> Events:
    """All events of a recording; about 27 bytes of memory each. TracerError for what is none."""
    meta = read_meta(directory)
    require_libraries()
    spool = spooled(directory)
    if spool:
        rows = np.concatenate(list(parquet_events.merged(spool)))
    else:
        rows = parquet_events.read(sorted(directory.glob("events-*.parquet")))
    window = _window(meta, rows)
    return Events(rows, window["start_ns"], window["end_ns"], window["end_slot"])


def _window(meta: Mapping[str, Any], rows: NDArray[np.void]) -> dict[str, int]:
    """The window; where it was not closed, from its first event to the last one."""
    if meta.get("window"):
        return dict(meta["window"])
    edges = rows[rows["kind"] == Kind.WINDOW]
    opens = edges["t_ns"][edges["extra"] == 1]
    times = rows["t_ns"]
    start_ns = int(opens[0]) if len(opens) else int(times.min(initial=0))
    return {"start_ns": start_ns, "end_ns": int(times.max(initial=start_ns)), "end_slot": 0}


def _damaged(directory: Path, why: str) -> TracerError:
    return TracerError(
        f"{directory} is no recording that can be read: {why}",
        "name a directory that tracer run --record made",
        exit_code=2,
    )
