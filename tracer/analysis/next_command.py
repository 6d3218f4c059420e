"""The command to type next, from the JSON document of a run: nothing that was given already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer import probes
from tracer.analysis.run.reader import is_split
from tracer.units import percent

Document = Mapping[str, Any]

_ORDER = (*probes.DEFAULT, *(name for name in probes.names() if name not in probes.DEFAULT))
#: The document's section of a probe, where it has another name.
_SECTIONS = {"stacks": "where"}
#: What cannot stand beside the probe stacks.
_LIGHT = "--light"
_STACKS = "--probe stacks"


def again(document: Document, *options: str) -> str:
    """The command that made this run, with these options added, each as it is typed: probes beside
    those that were on, and no option twice. Where stacks are asked for and were sampled: the place
    with most of the path."""
    if options == (_STACKS,) and document.get("where"):
        return profile(document)
    line = document["command_line"]
    given = [option for option in line["options"] if not option.startswith("--probe ")]
    wanted = [name for option in options for name in _probes_of(option)]
    if "stacks" in wanted:
        given = [option for option in given if option != _LIGHT]
    on = [name for name in _ORDER if name in (*wanted, *_probes_on(document))]
    added = [option for option in options if not _probes_of(option) and option not in given]
    if tuple(on) != probes.DEFAULT:
        added.append(f"--probe {_named(on)}")
    return _joined(line["start"], *given, *added, line["rest"])


def without(document: Document, option: str) -> str:
    """The command that made this run, without an option that was given."""
    line = document["command_line"]
    return _joined(line["start"], *(o for o in line["options"] if o != option), line["rest"])


def profile(document: Document) -> str:
    """How to learn where in the program it is: the command that samples stacks, or, where they were
    sampled, the place with most of the path."""
    found = document.get("where")
    if not found:
        return again(document, _STACKS)
    if not found["places"]:
        return again(document, "--grid 100")
    place = found["places"][0]
    file = (place["file"] or "").rpartition("/")[2]
    at = f" {file}:{place['line']}" if file and place["line"] else ""
    return f"look at {place['function']}{at}: {percent(place['share'])} of the path"


def explain(document: Document) -> str:
    """The experiment that changes one thing at a time and says what helps; of processes that tracer
    was attached to, which it cannot start again, the places on the path."""
    kind, name, line = (
        document["target"]["kind"],
        document["target"]["name"],
        document["command_line"],
    )
    tracer = line["start"].partition(" run")[0]
    if kind == "attach":
        return profile(document)
    if kind == "command":
        return f"{tracer} explain {line['rest']}"
    if name == "thread-brigade":
        return f"{tracer} explain pinning"
    return f"{tracer} compare {name} {_twin(name)}"


def _twin(workload: str) -> str:
    """The workload to compare another one with: tasks for threads, threads for all others."""
    flavor, _, rest = workload.partition("-")
    return {"thread": f"async-{rest}", "async": f"thread-{rest}"}.get(flavor, "thread-brigade")


def _probes_of(option: str) -> list[str]:
    """Those that an option adds; none for another option."""
    if not option.startswith("--probe "):
        return []
    return list(probes.chosen([option.removeprefix("--probe ")]))


def _probes_on(document: Document) -> list[str]:
    on = [n for n in probes.names() if document.get(_SECTIONS.get(n, n)) is not None]
    return on if is_split(document) else [*on, *probes.DEFAULT]


def _named(on: list[str]) -> str:
    """The shortest list of these probes."""
    if not set(probes.DEFAULT) <= set(on):
        return ",".join(on)
    if set(on) == set(probes.names()):
        return "all"
    return f"+{','.join(name for name in on if name not in probes.DEFAULT)}"


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
