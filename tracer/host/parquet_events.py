"""Events as Parquet files, and back: pieces of bounded size, in order of time."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.host.spool import blocks
from tracer.model.events import EVENT_DTYPE, decoded

#: Events in a row group, and row groups in a file.
ROW_GROUP, _GROUPS = 1 << 18, 64
#: Records that are read from a spool's file at a time, at least.
_FEWEST = 1 << 12
#: Column -> its type in the file; times grow slowly, all else repeats.
COLUMNS = {"t_ns": "int64", "cpu": "uint16", "kind": "uint8", "thread": "uint32",
           "extra": "uint32", "what": "int64"}  # fmt: skip
_SETTINGS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": ["cpu", "kind"],
    "column_encoding": {
        "t_ns": "DELTA_BINARY_PACKED",
        **dict.fromkeys(("thread", "extra", "what"), "BYTE_STREAM_SPLIT"),
    },
    "write_page_checksum": True,
}
#: Records of a CPU can be out of order by the time that a program was interrupted for.
_MARGIN_NS = 10_000_000


def merged(
    files: Mapping[int, Sequence[Path]], since_ns: int = 0, near_ns: int = 0
) -> Iterator[NDArray[np.void]]:
    """The events in the files of a spool (EVENT_DTYPE), all CPUs in order of time, in pieces; those
    since then. `near_ns`: a time less than 417 days before them, which is all that a record tells
    apart."""
    size = max(ROW_GROUP // max(len(files), 1), _FEWEST)
    streams = {cpu: blocks(one, size) for cpu, one in files.items()}
    waiting: dict[int, NDArray[np.void]] = {}
    kept = np.zeros(0, EVENT_DTYPE)
    while streams:
        for cpu in [cpu for cpu in streams if cpu not in waiting]:
            block = next(streams[cpu], None)
            if block is None:
                del streams[cpu]
            else:
                rows = decoded(block, cpu, near_ns)
                waiting[cpu] = rows[rows["t_ns"] >= since_ns] if since_ns else rows
        if not waiting:
            break
        # up to here every CPU's events are known; of the CPU that ends first, more is read next
        latest = {cpu: int(rows["t_ns"].max(initial=0)) for cpu, rows in waiting.items()}
        first = min(latest, key=lambda cpu: latest[cpu])
        until_ns = latest[first] - _MARGIN_NS
        kept = np.concatenate((kept, waiting.pop(first)))
        for cpu, rows in waiting.items():
            cut = int(np.searchsorted(np.maximum.accumulate(rows["t_ns"]), until_ns, "right"))
            kept, waiting[cpu] = np.concatenate((kept, rows[:cut])), rows[cut:]
        kept = in_order(kept)
        cut = int(np.searchsorted(kept["t_ns"], until_ns, "left"))
        yield kept[:cut]
        kept = kept[cut:]
    yield in_order(np.concatenate((kept, *waiting.values())))


def in_order(rows: NDArray[np.void]) -> NDArray[np.void]:
    """The same in order of time; those of one CPU that have the same time stay as they are."""
    times = rows["t_ns"]
    return rows if (times[1:] >= times[:-1]).all() else rows[np.argsort(times, kind="stable")]


def _sized(pieces: Iterator[NDArray[np.void]], size: int) -> Iterator[NDArray[np.void]]:
    """The same events in pieces of this size; the last one may be shorter."""
    kept = np.zeros(0, EVENT_DTYPE)
    for piece in pieces:
        kept = np.concatenate((kept, piece))
        while len(kept) >= size:
            yield kept[:size]
            kept = kept[size:]
    if len(kept):
        yield kept


def write(pieces: Iterator[NDArray[np.void]], fd: int) -> tuple[list[str], int]:
    """Write events in order of time into the directory `fd`; the names of the files, and how many
    events these have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, getattr(pa, kind)()) for name, kind in COLUMNS.items()])
    groups = _sized(pieces, ROW_GROUP)
    names: list[str] = []
    number = 0
    while (first := next(groups, None)) is not None or not names:
        names.append(f"events-{len(names):05}.parquet")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with (
            open(os.open(names[-1], flags, 0o666, dir_fd=fd), "wb") as stream,  # noqa: PTH123
            pq.ParquetWriter(stream, schema, **_SETTINGS) as writer,
        ):
            if first is None:
                break
            for rows in itertools.chain((first,), itertools.islice(groups, _GROUPS - 1)):
                columns = [rows[name].astype(kind) for name, kind in COLUMNS.items()]
                writer.write_table(pa.table(columns, schema=schema), ROW_GROUP)
                number += len(rows)
    return names, number


def read(files: Sequence[Path]) -> NDArray[np.void]:
    """All events of these files (EVENT_DTYPE). Raises what pyarrow does, or ValueError, where one
    is damaged."""
    import pyarrow.parquet as pq

    opened = [pq.ParquetFile(file, page_checksum_verification=True) for file in files]
    rows = np.empty(sum(file.metadata.num_rows for file in opened), EVENT_DTYPE)
    at = 0
    for file in opened:
        kinds = {field.name: str(field.type) for field in file.schema_arrow}
        if kinds != COLUMNS:
            raise ValueError(f"the columns of its events are {', '.join(kinds)}")
        for batch in file.iter_batches(ROW_GROUP):
            for name, column in zip(COLUMNS, batch.columns, strict=True):
                rows[name][at : at + len(batch)] = column.to_numpy(zero_copy_only=False)
            at += len(batch)
    if at != len(rows):
        raise ValueError(f"it has {at} of {len(rows)} events")
    return in_order(rows)
