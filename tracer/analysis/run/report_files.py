"""Saved reports: files with one JSON document, or with one a line, as `attach --interval` makes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tracer.analysis.run.saved import SCHEMA
from tracer.errors import TracerError


def documents_in(file: Path) -> list[dict[str, Any]]:
    """The documents of a file, each of which names its schema. TracerError (exit status 2) for what
    is no report of tracer's."""
    try:
        text = file.read_text(errors="replace")
    except OSError as error:
        raise refused(f"cannot read {file}: {error}") from None
    try:
        documents = [json.loads(text)]
    except ValueError:
        try:
            documents = [json.loads(line) for line in text.splitlines()]
        except ValueError as error:
            raise refused(f"{file} is not JSON: {error}") from None
    if not documents or not all(isinstance(d, dict) and "schema" in d for d in documents):
        raise refused(f"{file} is not a report of tracer")
    return documents


def require_runs(documents: Sequence[dict[str, Any]], file: Path) -> None:
    """TracerError (exit status 2) unless all are of runs."""
    if not all(document["schema"] == SCHEMA for document in documents):
        raise refused(f"{file} is not a report of tracer run or attach ({SCHEMA})")


@contextlib.contextmanager
def following(file: Path, schema: str = SCHEMA) -> Iterator[None]:
    """TracerError (exit status 2) where what reads a document of the file does not find in it what
    the schema promises."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise refused(f"{file} does not follow the schema {schema}: {error!r}") from error


def refused(message: str) -> TracerError:
    return TracerError(message, "make one with: tracer run --json FILE ...", exit_code=2)
