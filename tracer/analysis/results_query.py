"""SQL over the results and recordings of many hosts: a directory that has `host=NAME` below it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracer.analysis.events.query import Answer, answer
from tracer.host.parquet_results import COLUMNS

#: View -> what it is, its columns, and the files below a directory that it is of.
VIEWS: Mapping[str, tuple[str, Mapping[str, str], str]] = {
    "trials": (
        "the runs of all hosts",
        {"host": "its name", **{name: meaning for name, (_, meaning) in COLUMNS.items()}},
        "host=*/trials.parquet",
    ),
    "events": (
        "the events of the recordings that lie below host=NAME (docs/recordings.md)",
        {
            "host": "its name",
            "filename": "the file of the recording",
            "t_ns": "time",
            "cpu": "CPU",
            "kind": "kind of the event",
        },
        "host=*/*/events-*.parquet",
    ),
}


def query(directory: Path, sql: str) -> Answer:
    """The answer to one SELECT over all hosts; TracerError (exit status 2) where it is refused."""

    def prepare(connection: Any) -> None:
        for name, (_, _, files) in VIEWS.items():
            if any(directory.glob(files)):
                place = str(directory.absolute() / files).replace("'", "''")
                connection.execute(
                    f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{place}',"
                    " hive_partitioning = true, hive_types = {'host': VARCHAR}, filename = true)"
                )
        place = str(directory.absolute()).replace("'", "''")
        connection.execute(f"SET allowed_directories = ['{place}']")

    return answer(sql, prepare)
