"""The probes: each a pair of files, `<name>.c` (in the kernel) and `<name>.py` (its meaning).

A probe's module declares `PROBE`, a tracer.model.probe.Probe. Found by scan: a new probe is one
pair of files.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer.errors import TracerError

if TYPE_CHECKING:  # numpy comes with them, and --help does without
    from tracer.model.probe import Arrays, Context, Probe
    from tracer.model.section import Scale, Section

DIRECTORY = Path(__file__).parent
#: Of `run` and `attach`: what the findings need for most programs.
DEFAULT = ("futex", "sched", "syscalls", "waits")
#: Of the runs of an experiment, which are compared: what each of them costs would be in the result.
COMPARED = ("sched", "syscalls", "waits")
#: Keeps every event; chosen by --record alone, since somebody has to write them down.
RECORDED = "events"
#: Chosen by options alone: --record, --when.
_NOT_CHOSEN = (RECORDED, "hops")


def names() -> list[str]:
    """The names of the probes that can be chosen, sorted; imports none of them."""
    return [name for name in _files() if name not in _NOT_CHOSEN]


def _files() -> list[str]:
    return sorted(file.stem for file in DIRECTORY.glob("*.c"))


@cache
def available() -> Mapping[str, Probe]:
    """Every probe by name, in the order of their names.

    Raises TracerError for one whose declaration is wrong.
    """
    return {name: _declared(name) for name in _files()}


def _declared(name: str) -> Probe:
    from tracer.model.probe import Probe

    try:
        found = importlib.import_module(f"{__name__}.{name}").PROBE
    except (ImportError, AttributeError, TypeError) as error:
        raise TracerError(
            f"the probe {name} is not declared as one: {error}",
            f"tracer/probes/{name}.py must have PROBE = Probe(...), see tracer/model/probe.py",
        ) from error
    if not isinstance(found, Probe):
        raise TracerError(f"PROBE of tracer/probes/{name}.py is not a Probe: {found!r}")
    return found


def chosen(text: Sequence[str]) -> tuple[str, ...]:
    """The probes named by repeated, comma-separated options; `all` is every one, and a name with
    `+` before it stands beside those of `DEFAULT`.

    Raises TracerError (exit status 2) for an unknown name, with the nearest one.
    """
    import difflib

    wanted = [name.strip() for item in text for name in item.split(",")]
    if any(name.startswith("+") for name in wanted):
        wanted = [*DEFAULT, *(name.removeprefix("+") for name in wanted)]
    known = names()
    for name in wanted:
        if name != "all" and name not in known:
            near = difflib.get_close_matches(name, [*known, "all"], 1)
            raise TracerError(
                f"unknown probe {name!r}",
                (f"did you mean {near[0]!r}? " if near else "")
                + f"the probes are: {', '.join(known)} and all",
                exit_code=2,
            )
    return tuple(known) if "all" in wanted else tuple(name for name in known if name in wanted)


def mapped(names: Sequence[str], arrays: Arrays) -> set[int] | None:
    """The processes whose mappings these probes want to know; None where none of them wants any."""
    wanted = [probe.mapped for probe in map(available().get, names) if probe and probe.mapped]
    return set().union(*(ask(arrays) for ask in wanted)) if wanted else None


def records(names: Sequence[str], arrays: Arrays, context: Context) -> dict[str, Any]:
    """Each probe's record by its name."""
    return {name: available()[name].read(arrays, context) for name in names}


def sections(
    records: Mapping[str, object], scale: Scale, light: bool = False
) -> tuple[tuple[str, Section], ...]:
    """Name and section of every probe in `records` that has one, in the order of the records."""
    probes = {name: available()[name] for name in records}
    return tuple(
        (name, probe.report(records[name], scale))
        for name, probe in probes.items()
        if probe.report and not (light and probe.needs_calls)
    )
