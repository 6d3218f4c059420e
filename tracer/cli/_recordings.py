"""What the commands that read a recording share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer.cli._output import say
from tracer.errors import TracerError
from tracer.units import counted, plain

if TYPE_CHECKING:
    from tracer.analysis.events.anatomy import Anatomy
    from tracer.analysis.events.naming import Naming
    from tracer.analysis.events.replay import Replayed
    from tracer.model.events import Events
    from tracer.model.hops import Hops

_NAME = 40


@dataclass(frozen=True)
class Loaded:
    """A recording in memory, and the metadata of its directory."""

    directory: Path
    events: Events
    meta: dict[str, Any]

    @property
    def machine(self) -> str:
        return str(self.meta["machine"])

    @property
    def name(self) -> str:
        """The command that was recorded, without its directory, cut to fit a line."""
        from tracer.report.layout import shortened

        program, *arguments = self.meta.get("command") or [str(self.directory)]
        return plain(shortened(" ".join([Path(program).name, *arguments]), _NAME))

    def naming(self) -> Naming:
        from tracer.analysis.events.naming import Naming

        return Naming(self.threads, self.machine)

    @property
    def threads(self) -> list[dict[str, Any]]:
        threads: list[dict[str, Any]] = self.meta["threads"]
        return threads

    def replayed(self) -> Replayed:
        """With the critical path, without segments."""
        from tracer.analysis.events.saved import replay_of

        return replay_of(self.events, self.meta)


def directory_argument() -> click.Argument:
    return click.Argument(["directory"], metavar="DIR", type=click.Path(path_type=Path))


def load(directory: Path) -> Loaded:
    """The recording in a directory; TracerError (exit status 2) for none, and for one without an
    event in its window."""
    from tracer.host.recordings import read, read_meta

    loaded = Loaded(directory, read(directory), read_meta(directory))
    events = loaded.events
    if not len(events.rows) or events.end_ns <= events.start_ns:
        raise TracerError(
            f"the recording in {directory} has no events in its window",
            "the run ended before it began to measure; record again: tracer run --record DIR ...",
            exit_code=2,
        )
    _say_what_is_missing(loaded)
    return loaded


def _say_what_is_missing(loaded: Loaded) -> None:
    from tracer.analysis.events.saved import lost, truncated

    if missing := lost(loaded.meta):
        say(
            f"{counted(missing, 'event')} found no room while this was recorded and"
            f" {'is' if missing == 1 else 'are'} missing: what they belong to is missing or wrong"
        )
    if why := truncated(loaded.meta):
        say(f"the recording ended before the run: {plain(why)}")


def hops_of(loaded: Loaded) -> Hops:
    """The hops of a recording; TracerError where it has none."""
    from tracer.analysis.events.hops import hops_of as found_in

    hops = found_in(loaded.events, loaded.machine)
    if not len(hops.rows):
        others = counted(hops.other_wakeups, "sleep was", "sleeps were")
        raise TracerError(
            f"{loaded.name} has no hops: no call of one of its threads woke another one; {others}"
            " ended by interrupts and other programs",
            f"see what it did with: tracer report {loaded.directory}",
        )
    return hops


def anatomy_of(hops: Hops) -> Anatomy:
    from tracer.analysis.events.anatomy import anatomy

    found = anatomy(hops)
    assert found is not None  # hops_of() gives at least one
    return found
