"""A recording directory as one value: its events, what is known beside them, and the replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracer.analysis.events.check import Check, check
from tracer.analysis.events.replay import Replayed, replay
from tracer.analysis.run.saved import SCHEMA, summary_of
from tracer.errors import TracerError
from tracer.host import recordings, vectors
from tracer.host.vectors import Kept
from tracer.model.events import Events


@dataclass(frozen=True)
class Recorded:
    """`report`: the document of the run, None where the recording ended before it was written;
    `kept`: the kernel's books, None likewise; `check`: both compared."""

    directory: Path
    meta: Mapping[str, Any]
    replay: Replayed
    kept: Kept | None
    report: Mapping[str, Any] | None
    check: Check | None

    @property
    def lost(self) -> int:
        """Events that found no room in a ring."""
        return lost(self.meta)

    @property
    def truncated(self) -> str:
        """Why the recording ended before the run; empty: it did not."""
        return truncated(self.meta)

    @property
    def is_last(self) -> bool:
        """Only the last seconds of the run were kept: its report and books are of all of it."""
        return bool(self.meta.get("last"))

    @property
    def status(self) -> int:
        """3 where the books differ although no event was lost, as of a run that is not trusted."""
        is_whole = not self.lost and not self.truncated
        return 3 if self.check and not self.check.agrees and is_whole else 0


def lost(meta: Mapping[str, Any]) -> int:
    """Events of a recording that found no room in a ring; of one that was killed this is not known
    and 0."""
    return int((meta.get("losses") or {}).get("total", 0))


def truncated(meta: Mapping[str, Any]) -> str:
    """Why the recording ended before the run; empty: it did not."""
    return str(meta.get("truncated") or "")


def replay_of(events: Events, meta: Mapping[str, Any], *, segments: bool = False) -> Replayed:
    """Replay the events of the directory with this meta.json."""
    known = [(row["slot"], row["tid"], row["tgid"]) for row in meta["threads"]]
    return replay(events, known, segments=segments, machine=meta["machine"])


def recorded(directory: Path, *, segments: bool = False) -> Recorded:
    """Read and replay. TracerError for what is no recording, or is damaged."""
    meta = recordings.read_meta(directory)
    events = recordings.read(directory)
    kept = vectors.kept(directory)
    report = _report(directory)
    found = replay_of(events, meta, segments=segments)
    calls = report.get("syscalls") if report else None
    books = check(found, kept, calls) if kept and not meta.get("last") else None
    return Recorded(directory, meta, found, kept, report, books)


def _report(directory: Path) -> Mapping[str, Any] | None:
    file = directory / recordings.REPORT
    if not file.exists():
        return None
    found = recordings.read_report(directory)
    try:
        summary_of(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TracerError(
            f"{file} does not follow the schema {SCHEMA}: {error!r}",
            "remove that file to read the events without it",
            exit_code=2,
        ) from None
    return found
