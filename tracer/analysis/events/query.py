"""SQL over the views of a recording, by DuckDB, which can reach nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from tracer.analysis.events.tables import Tables
from tracer.analysis.events.views import NEEDS, VIEWS
from tracer.errors import TracerError
from tracer.host.installation import installation

_MEMORY = "1500MB"
#: About 1 GB in Python.
_MOST_VALUES = 20_000_000
#: An interrupt that comes before the query has begun is forgotten.
_PATIENCE_S = 0.1
_SEE = "the views and their columns: tracer query DIR"
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Answer:
    """Columns (name, DuckDB's type) and rows."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]


def query(tables: Tables, sql: str) -> Answer:
    """The answer to one SELECT; TracerError (exit status 2) where DuckDB refuses it."""
    return answer(sql, lambda connection: _prepare(connection, tables, _wanted(sql)))


def answer(sql: str, prepare: Callable[[Any], None]) -> Answer:
    """The answer to one SELECT over the views that `prepare` makes in a connection, to which all
    else is locked; TracerError (exit status 2) where DuckDB refuses it."""
    duckdb = import_duckdb()
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise _refused(error) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise TracerError(
            "a query is one SELECT (or DESCRIBE, SUMMARIZE): the recording is only read",
            _SEE,
            exit_code=2,
        )
    with duckdb.connect(":memory:") as connection:
        try:
            prepare(connection)
            _lock(connection)
            return _interruptible(connection, lambda: _answered(connection, sql))
        except duckdb.Error as error:
            raise _refused(error) from None


def _answered(connection: Any, sql: str) -> Answer:
    cursor = connection.execute(sql)
    columns = [(str(c[0]), str(c[1])) for c in cursor.description or ()]
    return Answer(columns, _rows(cursor, len(columns)))


def _interruptible(connection: Any, work: Callable[[], _Found]) -> _Found:
    """What `work` returns, which a signal ends: it is done in a thread of its own, since DuckDB,
    told of a signal by Python, waits for its own threads, which may go on to the query's end."""
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(work)
        try:
            while not wait([running], _PATIENCE_S).done:
                pass  # a signal's handler has its turn
            return running.result()
        finally:
            while not running.done():
                connection.interrupt()
                wait([running], _PATIENCE_S)


def _rows(cursor: Any, columns: int) -> Sequence[Sequence[Any]]:
    """All of them; TracerError where they would take more memory than a recording does."""
    most = _MOST_VALUES // max(columns, 1)
    rows: Sequence[Sequence[Any]] = cursor.fetchmany(most + 1)
    if len(rows) > most:
        raise TracerError(
            f"the answer has more than {most:,} rows",
            "sum them up (GROUP BY), or ask for a part (LIMIT); tracer export --format csv writes"
            " all events",
            exit_code=2,
        )
    return rows


def import_duckdb() -> Any:
    """The module; TracerError with the line that installs it where it is missing."""
    try:
        import duckdb
        import pyarrow  # noqa: F401 (the tables reach it so)
    except ImportError as error:
        raise TracerError(
            f"a query needs {error.name}, which is not installed",
            installation().to_add("record"),
        ) from None
    return duckdb


def _wanted(sql: str) -> list[str]:
    """The views whose names occur."""
    words = set(re.findall(r"\w+", sql.lower()))
    return [name for name in VIEWS if name in words]


def _prepare(connection: Any, tables: Tables, views: Sequence[str]) -> None:
    """Make the views."""
    for name in dict.fromkeys(table for view in views for table in NEEDS[view]):
        connection.register(name, _arrow(tables.table(name)))
    for name in views:
        connection.execute(f"CREATE VIEW {name} AS {VIEWS[name].sql}")


def _lock(connection: Any) -> None:
    """Lock all else out: files, the network, extensions, Python's objects."""
    connection.execute("SET python_enable_replacements = false")
    connection.execute(f"SET memory_limit = '{_MEMORY}'")
    connection.execute("SET temp_directory = ''")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _arrow(columns: Any) -> Any:
    import pyarrow

    return pyarrow.table({name: _column(pyarrow, values) for name, values in columns.items()})


def _column(pyarrow: Any, values: Any) -> Any:
    if isinstance(values, np.ma.MaskedArray):
        return pyarrow.array(values.data, mask=np.ma.getmaskarray(values))
    return pyarrow.array(np.ascontiguousarray(values) if isinstance(values, np.ndarray) else values)


def _refused(error: Exception) -> TracerError:
    """DuckDB's message, with the place that it points at."""
    return TracerError(f"the query was refused: {str(error).strip()}", _SEE, exit_code=2)
