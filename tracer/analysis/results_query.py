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
        whole = directory.absolute()
        for name, (_, _, pattern) in VIEWS.items():
            # one by one: DuckDB would take a bracket in the directory's own name for a pattern
            if files := ", ".join(map(_quoted, sorted(whole.glob(pattern)))):
                connection.execute(
                    f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{files}],"
                    " hive_partitioning = true, hive_types = {'host': VARCHAR}, filename = true)"
                )
        connection.execute(f"SET allowed_directories = [{_quoted(whole)}]")

    return answer(sql, prepare)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
