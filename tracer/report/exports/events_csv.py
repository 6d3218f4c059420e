"""Events of a recording as CSV, one a line."""

from __future__ import annotations

import csv
import io

from tracer.analysis.events.naming import Naming
from tracer.analysis.events.slices import Slice
from tracer.model.events import Events, Kind

_COLUMNS = ("t_ns", "cpu", "kind", "tid", "thread", "event", "extra", "what")


def events_csv(events: Events, part: Slice, naming: Naming) -> str:
    """The events of a slice, times since the window opened. `event` says it in words; `extra` and
    `what` are as recorded (docs/recordings.md)."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in part.rows(events):
        slot = int(row["thread"])
        writer.writerow(
            (
                int(row["t_ns"]) - events.start_ns,
                int(row["cpu"]),
                Kind(int(row["kind"])).name.lower(),
                naming.tid(slot) if slot else None,
                naming.name(slot),
                naming.event(row),
                int(row["extra"]),
                int(row["what"]),
            )
        )
    return stream.getvalue()
