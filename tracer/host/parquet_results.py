"""The runs of an experiment as Parquet, a directory for each host: `DIR/host=NAME/trials.parquet`,
which DuckDB, Spark and others read as one table with the column `host`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tracer.errors import TracerError
from tracer.model.trial import FAILED, Outcome

#: The parts of the time of a traced run.
_SHARES = ("io", "switching", "user", "system", "waiting")
#: What a host is, the same in each of its rows.
_HOST = ("kernel", "cpu", "topology", "idle", "governor", "machine", "tracer")
#: Column -> its type and its meaning; beside these `host`, from the directory's name.
COLUMNS: Mapping[str, tuple[str, str]] = {
    "condition": ("string", "the side, point, brigade or placement"),
    "block": ("int32", "its block; below 0: before the blocks"),
    "traced": ("bool_", "whether the probes were attached"),
    "twin": ("bool_", "whether it is the second untraced run of a block"),
    "ns_per_unit": ("float64", "time of one unit of work, ns"),
    "units": ("float64", "units of work; null: not counted"),
    "voluntary": ("float64", "voluntary context switches"),
    "involuntary": ("float64", "involuntary ones"),
    "others": ("float64", "share of the CPUs' time that other programs used"),
    "steal": ("float64", "share that the host of a virtual machine took"),
    "at_s": ("float64", "its end, seconds since 1970"),
    **{name: ("float64", f"share of the time: {name}; null untraced") for name in _SHARES},
    **dict.fromkeys(_HOST, ("string", "of the host")),
}


def _row(outcome: Outcome, host: Mapping[str, str]) -> dict[str, Any]:
    trial, around, result = outcome.trial, outcome.surroundings, outcome.result
    total_ns = max(around.cpu_time_ns, 1)
    usage = result.get("rusage") or {}
    headline = (outcome.report or {}).get("headline") or {}
    return {
        "condition": trial.condition,
        "block": trial.block,
        "traced": trial.traced,
        "twin": trial.twin,
        "ns_per_unit": outcome.ns_per_unit,
        "units": result.get("units"),
        "voluntary": usage.get("voluntary"),
        "involuntary": usage.get("involuntary"),
        "others": around.others_ns / total_ns,
        "steal": around.steal_ns / total_ns,
        "at_s": outcome.at_s,
        **{name: headline.get(name) for name in _SHARES},
        **{name: host.get(name) for name in _HOST},
    }


def write(directory: Path, name: str, host: Mapping[str, str], outcomes: Sequence[Outcome]) -> None:
    """Write the runs of one host that did not fail, in the place of those that its file had;
    TracerError where that cannot be done."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [(column, getattr(pa, kind)()) for column, (kind, _) in COLUMNS.items()]
    rows = [_row(one, host) for one in outcomes if FAILED not in one.result]
    table = pa.Table.from_pylist(rows, pa.schema(fields))
    place = directory / f"host={quote(name, safe='')}"
    file, part = place / "trials.parquet", place / ".trials.parquet"
    try:
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, part, compression="zstd")
        part.replace(file)
    except OSError as error:
        raise TracerError(
            f"cannot write {file}: {error.strerror or error}",
            "the runs are saved; name another directory and run the same command again",
        ) from None


def is_results(directory: Path) -> bool:
    """Whether a directory has results by host."""
    return any(directory.glob("host=*/trials.parquet"))
