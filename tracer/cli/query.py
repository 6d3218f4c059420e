"""`tracer query DIR "SELECT ..."`: questions to a recording in SQL."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer.cli import _options as options
from tracer.cli import _recordings as recordings
from tracer.cli._output import Outputs, outputs, report_width
from tracer.cli._types import FileName

if TYPE_CHECKING:
    from tracer.analysis.events.query import Answer


@click.command(
    "query",
    short_help="Ask a recording in SQL.",
    params=[
        recordings.directory_argument(),
        click.Argument(["sql"], required=False),
        click.Option(
            ["--csv", "csv_path"],
            type=FileName(),
            metavar="FILE",
            help="Write the answer as CSV to FILE; `-`: to standard output, alone.",
        ),
        options.json_option("Write the answer as JSON to FILE; `-`: to standard output, alone."),
    ],
)
def command(directory: Path, sql: str | None, csv_path: str | None, json_path: str | None) -> int:
    """Ask the recording in DIR in SQL; without SQL, list the views and their columns.

    DIR can also be what `--parquet` of an experiment with --on wrote: view trials, of all hosts,
    and events, of recordings below its host=NAME.

    Views: threads, switches, wakeups, syscalls, hops, path, tasks. The SQL is DuckDB's, one SELECT.
    Nothing else can be read and nothing written. Needs no rights.

    tracer query DIR "SELECT kind, count(*), median(ns) FROM hops GROUP BY kind"
    """
    from tracer.analysis.events.query import import_duckdb, query
    from tracer.analysis.events.tables import Tables
    from tracer.host.parquet_results import is_results
    from tracer.report import query as report

    if csv_path == "-" and json_path == "-":
        raise click.UsageError("standard output takes one of --csv - and --json -")
    import_duckdb()
    if is_results(directory):
        return _of_hosts(directory, sql, csv_path, json_path)
    with outputs(json_path, csv_path=None if csv_path == "-" else csv_path) as out:
        loaded = recordings.load(directory)
        if sql is None:
            click.echo(report.views(report_width()), nl=False)
            return 0
        tables = Tables(loaded.events, loaded.threads, loaded.machine, loaded.replayed)
        _write(query(tables, sql), sql, out, csv_path)
    return 0


def _of_hosts(directory: Path, sql: str | None, csv_path: str | None, json_path: str | None) -> int:
    """Ask the results of many hosts."""
    from tracer.analysis.results_query import VIEWS, query
    from tracer.report import query as report

    with outputs(json_path, csv_path=None if csv_path == "-" else csv_path) as out:
        if sql is None:
            views = {name: (summary, columns) for name, (summary, columns, _) in VIEWS.items()}
            click.echo(report.views(report_width(), views), nl=False)
            return 0
        _write(query(directory, sql), sql, out, csv_path)
    return 0


def _write(answer: Answer, sql: str, out: Outputs, csv_path: str | None) -> None:
    from tracer.report import query as report

    out.csv(partial(report.as_csv, answer))
    if csv_path == "-":
        out.report(report.document(answer, sql), lambda _width: report.as_csv(answer))
    else:
        out.report(report.document(answer, sql), partial(report.render, answer))
