"""The HTML page of a command's report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tracer.cli._files import OutputFile
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.analysis.run.summary import Summary

#: Of more intervals the first ones are dropped: a page of them all would be too long to draw.
_MOST = 600


class HtmlFile:
    """Gathers the reports of one command; the page is written when the command ends.

    Raises TracerError (exit status 2) when it cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._file = OutputFile(path)
        self._documents: list[Mapping[str, Any]] = []
        self._more: list[Mapping[str, Any]] = []
        self._dropped = 0

    def add(self, document: Mapping[str, Any], run: Summary | None = None) -> None:
        """One more report. Of a live run the page has its stacks and its probes' tables too.

        TracerError (exit status 2) for a report that has no page."""
        from tracer.report.html.views import schemas

        if document["schema"] not in schemas():
            raise TracerError(
                f"a report of the schema {document['schema']} has no page",
                "use --json",
                exit_code=2,
            )
        self._documents.append(document)
        self._more.append({"where": run.where, "sections": run.sections} if run else {})
        if len(self._documents) > _MOST:
            del self._documents[0], self._more[0]
            self._dropped += 1

    def __enter__(self) -> HtmlFile:
        return self

    def __exit__(self, *_: object) -> None:
        from tracer.report.html.views import page_of

        try:
            if self._documents:
                self._file.write(page_of(self._documents, self._more, self._dropped))
        finally:
            self._file.close()
