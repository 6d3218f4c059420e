"""Reports and recordings from files: no root, any machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tracer.api.report import Report
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.analysis.events.saved import Recorded
    from tracer.api.table import Table


class Recording(Report):
    """A recording: the report that its events tell by themselves, and the events.

    `agrees`: whether the kernel's books say the same, to the nanosecond; None where there are none
    to compare with.
    """

    def __init__(self, found: Recorded) -> None:
        from tracer.report.recorded import report_of

        summary, document = report_of(found)
        super().__init__(document, summary)
        self.directory = found.directory
        self.agrees = None if found.check is None else found.check.agrees
        self._found = found

    def query(self, sql: str) -> Table:
        """One SELECT over the views threads, switches, wakeups, syscalls, hops, path and tasks
        (docs/recordings.md). TracerError without DuckDB and pyarrow, and for refused SQL."""
        from tracer.analysis.events.query import import_duckdb, query
        from tracer.analysis.events.tables import Tables
        from tracer.api.table import Table
        from tracer.host.recordings import read

        import_duckdb()
        meta = self._found.meta
        events, threads = read(self.directory), meta.get("threads") or []
        tables = Tables(events, threads, str(meta["machine"]), lambda: self._found.replay)
        answer = query(tables, sql)
        columns = tuple(name for name, _type in answer.columns)
        return Table(columns, tuple(map(tuple, answer.rows)))


def load(path: str | os.PathLike[str]) -> Report:
    """A report that was saved with --json or `to_json()`, or of a recording, a directory: then a
    Recording.

    TracerError (exit status 2) for what is neither, and for a file of several windows.
    """
    file = Path(path)
    if file.is_dir():
        from tracer.analysis.events.saved import recorded

        return Recording(recorded(file))
    windows = load_windows(file)
    if len(windows) > 1:
        raise TracerError(
            f"{file} has {len(windows)} windows, one a line",
            "all of them: tracer.load_windows(FILE)",
            exit_code=2,
        )
    return windows[0]


def load_windows(path: str | os.PathLike[str]) -> list[Report]:
    """All reports of a file of `attach --interval --json`, in their order."""
    from tracer.analysis.run.report_files import documents_in, following, require_runs
    from tracer.analysis.run.saved import summary_of

    file = Path(path)
    documents = documents_in(file)
    require_runs(documents, file)
    with following(file):
        return [Report(document, summary_of(document)) for document in documents]
