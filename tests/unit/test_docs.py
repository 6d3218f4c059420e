"""The documents: complete, with valid links, their generated parts equal to the source."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import click
import pytest

import workloads
from tracer import probes
from tracer.cli import run as run_command
from tracer.cli._command import command_of_user
from tracer.cli.attach import command as attach_command
from tracer.cli.main import cli
from tracer.model import states
from tracer.model.syscalls import CLASSES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "scripts" / "make_docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_docs = _script()


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _by_hand(text: str) -> str:
    return str(make_docs.MARKER.sub("", text))


def _options(command: click.Command) -> set[str]:
    return {name for p in command.params for name in p.opts if name.startswith("--")}


#: Commands that print measurements, which differ each time.
MEASURED = {"compare", "doctor", "memory", "run", "sweep"}


def _run_options(workload: str) -> set[str]:
    group = run_command.command
    command = group.get_command(click.Context(group), workload)  # type: ignore[attr-defined]
    return _options(command)


# ---- complete ----


def test_every_command_probe_workload_and_option_is_documented() -> None:
    text = "\n".join(_by_hand(page.read_text()) for page in PAGES)
    names = {f"`{name}`" for name in probes.available()} | set(workloads.available())
    names |= {f"tracer {name}" for name in cli.list_commands(click.Context(cli))}  # type: ignore[attr-defined]
    names |= _options(cli) - {"--help"}
    for workload in workloads.available():
        names |= _run_options(workload) - {"--help"}
    names |= _options(command_of_user()) | _options(attach_command)
    for name in cli.list_commands(click.Context(cli)):  # type: ignore[attr-defined]
        command = cli.get_command(click.Context(cli), name)  # type: ignore[attr-defined]
        names |= _options(command) - {"--help"}
    missing = {n for n in names if not re.search(re.escape(n) + r"(?![\w-])", text)}
    assert not missing


def test_states_classes_losses_and_repairs_are_documented() -> None:
    text = (ROOT / "docs" / "time-accounting.md").read_text()
    parts = {p for p in states.OWN_PARTS if p.split(":")[-1] not in CLASSES}
    names = parts | set(CLASSES) | set(states.LOSSES) | {"recursion"} | set(states.REPAIRS)
    assert not {name for name in names if f"`{name}`" not in text}


# ---- generated ----


def test_words_page_is_the_generated_one() -> None:
    assert make_docs.WORDS_PAGE.read_text() == make_docs.words_page(), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_markers_are_well_formed(page: Path) -> None:
    text = page.read_text()
    matches = list(make_docs.MARKER.finditer(text))
    assert len(re.findall(r"<!-- output:", text)) == len(matches)
    assert len(re.findall(r"<!-- /output", text)) == len(matches)
    for match in matches:
        command, lines = match["command"], match["body"].splitlines()
        assert lines[:2] == ["```text", f"$ {command}"], "run: make docs"
        assert lines[-1] == "```" and len(lines) > 3
        assert not any(line.startswith("```") for line in lines[1:-1])
        program, first, *arguments = shlex.split(command)
        assert program == "tracer"
        if first not in MEASURED:
            assert match["body"] == make_docs.output_of(command), "run: make docs"
            continue
        given = {a.split("=")[0] for a in arguments if a.startswith("--")}
        known = cli.get_command(click.Context(cli), first)
        assert known is not None
        assert given <= (_run_options(arguments[0]) if first == "run" else _options(known))


def test_only_tracer_is_run_for_the_documents() -> None:
    with pytest.raises(ValueError, match="only tracer"):
        make_docs.output_of("rm -r x")


# ---- headings and links ----


def _without_code(page: Path) -> str:
    """Its text without blocks of code, whose lines can look like headings and links."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)


def _anchors(page: Path) -> list[str]:
    heads = re.findall(r"^#+ (.+)$", _without_code(page), re.M)
    return [re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-") for head in heads]


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_no_page_has_a_heading_twice(page: Path) -> None:
    anchors = _anchors(page)
    assert len(anchors) == len(set(anchors)), anchors


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_relative_links_exist(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", _without_code(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_relative_to(ROOT) and target.exists(), link
        assert not anchor or anchor in _anchors(target), link


ROOTS = "tracer|workloads|benchmarks|tests|scripts|docs"


def test_paths_in_backticks_exist() -> None:
    """Files of this repository that a page names; what the set-up builds is left out."""
    for page in PAGES:
        for name in re.findall(rf"`((?:{ROOTS})/[\w./-]+)`", page.read_text()):
            if "/target/" not in name:
                assert (ROOT / name).exists(), f"{_id(page)}: {name}"


def test_files_that_the_code_names_exist() -> None:
    """Files of this repository in the comments and texts of sources."""
    kinds = "py|c|h|md|json|rs|sh"
    path = re.compile(rf"(?<![\w/.-])(?:{ROOTS})/[\w./-]+\.(?:{kinds})\b")
    for root in ROOTS.split("|"):
        for file in (ROOT / root).rglob("*.*"):
            if file.suffix[1:] not in kinds.split("|") or "target" in file.parts:
                continue
            for name in path.findall(file.read_text()):
                assert (ROOT / name).exists() or "/target/" in name, f"{_id(file)}: {name}"


def test_every_decision_is_listed() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    for number, page in enumerate(pages, 1):
        assert page.name.startswith(f"{number:04}-")
        title = page.read_text().splitlines()[0]
        assert title.startswith(f"# {number}. ")
        assert f"[{title.split('. ', 1)[1]}]({page.name})" in index
        heads = re.findall(r"^## (.+)$", page.read_text(), re.M)
        assert heads == ["Context", "Choice", "Cost"]
