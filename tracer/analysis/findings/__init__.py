"""The findings: what holds a program back, who or what does, and what to do about it.

A finding is one file of this package, found by scan (a name with `_` in front is not one). It is a
pure function of the run's JSON document (docs/schema/tracer.run-2.json), so that a saved report
gives the same findings again. A module declares

- `NAME`: as it is printed, and the heading of its section in docs/findings.md;
- its thresholds, as named data at the top;
- `find(document) -> Finding | None`: one finding, or None where its condition is not met or what it
  needs was not recorded (`--light`, a probe that was off);
- `DERIVED`, where a text has numbers that are neither in the document nor a share of the window nor
  per unit of work: each by name, as a function of the document. A test looks up every other number;
- `ALONE = True`, where it is left out beside a finding that explains `NOTABLE` or more;
- `OUTSIDE = True`, where it is about other programs, and leaves out none of those.

A name that the target chose (a thread, a file, a control group) goes through `named`; `found`
escapes what is left, so that no text has more than one line. `again` and `explain` make the next
command. Planted documents are in tests/harness/findings, a file of the same name each.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

from tracer.units import plain

Document = Mapping[str, Any]

#: A smaller share of the window is not worth a finding.
LEAST = 0.02
#: Beside one with this share, a finding that is to stand alone is left out.
NOTABLE = 0.1


class Finding(NamedTuple):
    """What explains `share` (0 to 1) of the window.

    `sentence`: what holds the program back and who does, with its numbers; the screen has two lines
    of 80 columns for it. `evidence`: the numbers that it rests on, in one line. `next`: a command
    (it begins with `tracer` or `sudo tracer`), or a change in the imperative. `doc`: its section.
    """

    id: str
    share: float
    sentence: str
    evidence: str
    next: str
    doc: str


def finding(
    module: str, share: float, sentence: str, evidence: str, next_step: str
) -> Finding | None:
    """The finding of `module` (its `__name__`); None where its share is below `LEAST`."""
    if share < LEAST:
        return None
    identity = module.rpartition(".")[2]
    name = importlib.import_module(module).NAME
    doc = f"docs/findings.md#{name.lower().replace(' ', '-')}"
    return Finding(identity, min(share, 1.0), sentence, evidence, next_step, doc)


@cache
def available() -> Mapping[str, ModuleType]:
    """The module of every finding by its id, in the order of their ids."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    return {
        name: importlib.import_module(f"{__name__}.{name}")
        for name in names
        if not name.startswith("_")
    }


def found(document: Document) -> list[Finding]:
    """All findings of a run, the one that explains most first; of an older document none."""
    if document["schema"] != "tracer.run/2":
        return []
    modules = available()
    every = [one for module in modules.values() if (one := module.find(document)) is not None]
    every.sort(key=lambda one: (-one.share, one.id))

    def is_alone(one: Finding) -> bool:
        return getattr(modules[one.id], "ALONE", False)

    def is_cause(one: Finding) -> bool:
        is_outside = getattr(modules[one.id], "OUTSIDE", False)
        return one.share >= NOTABLE and not (is_alone(one) or is_outside)

    has_cause = any(map(is_cause, every))
    return [_escaped(one) for one in every if not (has_cause and is_alone(one))]


def _escaped(one: Finding) -> Finding:
    return one._replace(
        sentence=plain(one.sentence), evidence=plain(one.evidence), next=plain(one.next)
    )
