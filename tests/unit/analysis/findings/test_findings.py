"""Every finding on its planted documents: where it stands, its numbers, hostile names."""

from __future__ import annotations

import copy
import importlib
import random
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from harness.findings import run

from tracer.analysis import findings
from tracer.analysis.findings import Finding, found

DOCS = Path(__file__).parents[4] / "docs" / "findings.md"
PLANTED = {
    name: importlib.import_module(f"harness.findings.{name}") for name in findings.available()
}
FIRES = [
    pytest.param(name, document, id=f"{name}-{number}")
    for name, module in PLANTED.items()
    for number, document in enumerate(module.FIRES, 1)
]
SILENT = [
    pytest.param(name, document, id=f"{name}-{number}")
    for name, module in PLANTED.items()
    for number, document in enumerate(module.SILENT, 1)
]
Document = Mapping[str, Any]


def of(name: str, document: Document) -> Finding | None:
    one: Finding | None = findings.available()[name].find(document)
    return one


# ---- where it stands ----


@pytest.mark.parametrize(("name", "document"), FIRES)
def test_it_fires(
    name: str, document: Document, validate_document: Callable[[Document], None]
) -> None:
    validate_document(document)
    one = of(name, document)
    assert one is not None and one.id == name
    assert findings.LEAST <= one.share <= 1
    assert one in found(document) or found(document)[0].share >= findings.NOTABLE


@pytest.mark.parametrize(("name", "document"), SILENT)
def test_it_does_not_fire(
    name: str, document: Document, validate_document: Callable[[Document], None]
) -> None:
    validate_document(document)
    assert of(name, document) is None


@pytest.mark.parametrize("name", PLANTED)
def test_it_is_planted_both_ways_and_documented(name: str) -> None:
    module = findings.available()[name]
    assert PLANTED[name].FIRES and PLANTED[name].SILENT
    assert module.__doc__ and f"\n## {module.NAME}\n" in DOCS.read_text()


# ---- its numbers ----

NUMBER = re.compile(
    r"(?<![\w.])<?~?(\d[\d,]*(?:\.\d+)?)([kMG]?) ?(ns|us|ms|s|%|KiB|MiB|GiB)?(?![\w])"
)
SCALE = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9,
         "%": 0.01, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}  # fmt: skip


def numbers(text: str) -> Iterator[tuple[str, float, float]]:
    """Each number of a text with its value (ns, a count, a share) and half its last digit."""
    for match in NUMBER.finditer(text):
        digits, prefix, unit = match.groups()
        scale = SCALE[prefix] * SCALE[unit or ""]
        decimals = len(digits.partition(".")[2])
        yield match[0], float(digits.replace(",", "")) * scale, 0.5001 * 10.0**-decimals * scale


def leaves(data: Any) -> Iterator[Any]:
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield name
            yield from leaves(value)
    elif isinstance(data, list):
        for value in data:
            yield from leaves(value)
    else:
        yield data


def known(name: str, document: Document) -> list[float]:
    """The numbers that a text may have."""
    every = list(leaves(document))
    plain = [float(v) for v in every if isinstance(v, int | float) and not isinstance(v, bool)]
    derived = getattr(findings.available()[name], "DERIVED", {})
    plain += [float(make(document)) for make in derived.values()]
    units = document["result"]["units"] or 1
    return [
        *plain,
        *(v / document["window_ns"] for v in plain),
        *(v / units for v in plain),
        *(float(n) for v in every if isinstance(v, str) for n in re.findall(r"\d+", v)),
    ]


def scaled(data: Any, factor: float, is_time: bool = False) -> Any:
    """The same run with all its times longer: nothing but the times of a text may change."""
    if isinstance(data, Mapping):
        return {
            name: scaled(value, factor, is_time or name.endswith("_ns") or name == "parts")
            for name, value in data.items()
        }
    if isinstance(data, list):
        return [scaled(value, factor, is_time) for value in data]
    return round(data * factor) if is_time and isinstance(data, int | float) else data


@pytest.mark.parametrize("factor", [1, 1.37, 9.1])
@pytest.mark.parametrize(("name", "document"), FIRES)
def test_every_number_is_in_the_document(name: str, document: Document, factor: float) -> None:
    document = scaled(document, factor)
    one = of(name, document)
    if one is None:
        assert factor != 1
        return
    values = known(name, document)
    assert list(numbers(one.sentence)), "a sentence without a number proves nothing"
    for text in (one.sentence, one.evidence):
        for shown, value, half in numbers(text):
            assert any(abs(value - v) <= half for v in values), f"{shown} of {text!r}"


def torn(data: Any, chance: random.Random) -> Any:
    """The same run with some of its numbers off by up to ten times, as where counts and times are
    not of quite the same instants."""
    if isinstance(data, Mapping):
        return {name: torn(value, chance) for name, value in data.items()}
    if isinstance(data, list):
        return [torn(value, chance) for value in data]
    if isinstance(data, bool) or not isinstance(data, int | float) or chance.random() < 0.7:
        return data
    return type(data)(data * 10 ** chance.uniform(-1, 1))


@pytest.mark.parametrize(("name", "document"), FIRES)
def test_no_share_is_above_the_whole(name: str, document: Document) -> None:
    fired = 0
    for seed in range(40):
        one = of(name, torn(document, random.Random(seed)))
        if one is None:
            continue
        fired += 1
        assert one.share <= 1
        shares = re.findall(r"([\d.,]+) ?%", f"{one.sentence} {one.evidence} {one.next}")
        assert all(float(share.replace(",", "")) <= 100 for share in shares), one
    assert fired, "nothing was tested"


# ---- its text ----

HOSTILE = "x\n1. 99.9 %  forged\x1b[2J\u202e\udcff" + 100 * "y"
NAMES = {"name", "group", "where", "function", "file", "module", "called", "thread"}


def renamed(data: Any, key: str = "") -> Any:
    if isinstance(data, Mapping):
        return {
            name: value if name in ("syscalls", "schema") else renamed(value, name)
            for name, value in data.items()
        }
    if isinstance(data, list):
        return [renamed(value, key) for value in data]
    return data + HOSTILE if key in NAMES | {"argv"} and isinstance(data, str) else data


@pytest.mark.parametrize(("name", "document"), FIRES)
def test_a_hostile_name_forges_nothing(name: str, document: Document) -> None:
    for one in found(renamed(document)):
        assert all(text.isprintable() for text in one if isinstance(text, str))
        assert len(one.sentence) < 300 and len(one.evidence) < 300


@pytest.mark.parametrize(("name", "document"), FIRES)
def test_its_texts_fit_the_screen(name: str, document: Document) -> None:
    one = of(name, document)
    assert one is not None
    assert len(one.sentence) <= 170 and len(one.evidence) <= 170, (one.sentence, one.evidence)
    assert not one.sentence.endswith(".") and not one.evidence.endswith(".")
    assert one.next


# ---- all of them ----


def test_they_are_ranked_by_the_share_that_they_explain(monkeypatch: pytest.MonkeyPatch) -> None:
    class Module:
        def __init__(
            self, name: str, share: float, *, alone: bool = False, outside: bool = False
        ) -> None:
            self.ALONE, self.OUTSIDE = alone, outside
            self.find = lambda _document: Finding(name, share, "a\nb", "", "", "")

    def ids(**modules: Module) -> list[str]:
        monkeypatch.setattr(findings, "available", lambda: modules)
        return [one.id for one in found(run())]

    a, b = Module("a", 0.2), Module("b", 0.4)
    assert ids(a=a, b=b, c=Module("c", 0.9, alone=True)) == ["b", "a"]
    assert ids(a=Module("a", 0.05), c=Module("c", 0.9, alone=True)) == ["c", "a"]
    other = Module("b", 0.4, outside=True)
    assert ids(b=other, c=Module("c", 0.9, alone=True)) == ["c", "b"]
    assert found(run())[0].sentence == "a\\nb"


def test_a_document_of_version_1_has_none() -> None:
    assert found({**run(), "schema": "tracer.run/1"}) == []


def test_a_document_is_not_changed() -> None:
    for param in FIRES:
        document = param.values[1]
        before = copy.deepcopy(document)
        found(document)  # type: ignore[arg-type]
        assert document == before


@pytest.mark.parametrize(("name", "document"), FIRES)
def test_the_next_step_takes_nothing_away_that_is_needed(name: str, document: Document) -> None:
    one = of(name, document)
    assert one is not None
    given = document["command_line"]["options"]
    assert "--light" not in one.next.split(" -- ")[0].split()
    assert len(given) == len(set(given))
