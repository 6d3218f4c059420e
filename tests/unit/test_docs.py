"""The documents: complete, their links good, what is generated equal to its source."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import jsonschema
import numpy as np
import pytest

import workloads
from tracer import probes
from tracer.analysis.run import document as json_report
from tracer.analysis.run.counts import GroupRow, Switches, ThreadRow
from tracer.analysis.run.ledger import Headline, Ledger
from tracer.analysis.run.observer import Estimate
from tracer.analysis.run.summary import Summary
from tracer.cli import run as run_command
from tracer.cli._command import command_of_user
from tracer.cli.attach import command as attach_command
from tracer.cli.main import cli
from tracer.model import states
from tracer.model.histogram import BUCKETS, Histogram
from tracer.model.recording import HostLoad, PathThread, Process
from tracer.model.syscalls import CLASSES
from tracer.probes.sched import SchedRecord
from tracer.probes.syscalls import CallRecord

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "docs" / "schema" / "tracer.run-1.json"
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


#: What they print is measured, and differs each time.
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
        found = cli.get_command(click.Context(cli), name)  # type: ignore[attr-defined]
        names |= _options(found) - {"--help"}
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
    found = list(make_docs.MARKER.finditer(text))
    assert len(re.findall(r"<!-- output:", text)) == len(found)
    assert len(re.findall(r"<!-- /output", text)) == len(found)
    for match in found:
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


def test_paths_in_backticks_exist() -> None:
    """Files of this repository that a page names; what the set-up builds is left out."""
    roots = r"(?:tracer|workloads|benchmarks|tests|scripts|docs)"
    for page in PAGES:
        for name in re.findall(rf"`({roots}/[\w./-]+)`", page.read_text()):
            if "/target/" not in name:
                assert (ROOT / name).exists(), f"{_id(page)}: {name}"


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


# ---- the schema ----


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(SCHEMA.read_text())
    return loaded


def _histogram(count: int) -> Histogram:
    buckets = np.zeros(BUCKETS, dtype=np.int64)
    buckets[7] = count
    return Histogram(buckets, 7 * count, 7 if count else 0)


def _summary(**changed: Any) -> Summary:
    """A small run, every number made up."""
    wall = dict.fromkeys((p for p in states.PATH_PARTS if p != "unknown"), 6)
    own = (p for p in states.OWN_PARTS if p not in ("sleep", "external", "unknown"))
    cpu = ["target_user", *(f"target_{p}" for p in states.SYSCALL_PARTS), "other", "idle"]
    usage = ("user_ns", "system_ns", "max_rss_bytes", "minor_faults", "major_faults")
    row = ThreadRow(12, "a\x1b", dict.fromkeys(states.OWN_PARTS, 1), 1, 2, 3)
    values: dict[str, Any] = {
        "name": "thread-brigade",
        "transport": "socketpair",
        "unit": "hop",
        "units": 6,
        "cpus": (),
        "argv": ("program", "--tasks", "3"),
        "exit_status": 0,
        "kernel": "6.18",
        "machine": "x86_64",
        "online_cpus": (0, 1),
        "window_ns": 100,
        "interrupted": None,
        "closed_late": False,
        "light": False,
        "result": {
            "tasks": 3,
            "iterations": 2,
            "warmups": 1,
            "unit": "hop",
            "units": 6,
            "mean_ns": 49.5,
            "stddev_ns": 0.4,
            "ns_per_unit": 16.5,
            "rusage": dict.fromkeys((*usage, "voluntary", "involuntary"), 1),
        },
        "wall": Ledger(100, wall),
        "threads": Ledger(100, dict.fromkeys(own, 1)),
        "cpu": Ledger(10, dict.fromkeys(cpu, 1)),
        "headline": Headline(0.1, 0.2, 0.3, 0.1, 0.2, 0.1, 0.5, 3),
        "switches": Switches(1, 2, 3),
        "wakeups": dict.fromkeys(("total", *states.WAKEUP_KINDS, "pending"), 1),
        "outside_wakers": dict.fromkeys(states.SOURCES[1:], 0),
        "sched": SchedRecord(
            {k: _histogram(i) for i, k in enumerate(states.WAKEUP_KINDS)},
            _histogram(0),
            _histogram(2),
            {k: _histogram(1) for k in states.WAITS},
        ),
        "syscalls": (CallRecord("read", "io", {"EAGAIN": 1}, 5, _histogram(3)),),
        "open_calls": {"read": 2},
        "losses": dict.fromkeys((*states.LOSSES, "recursion"), 0),
        "repairs": dict.fromkeys(states.REPAIRS, 0),
        "load": HostLoad(0, 10),
        "observer": None,
        "top": (row,),
        "rest": ThreadRow(0, "2 others", row.parts, 0, 0, 0),
        "unavailable": ("sched_exit_tp",),
        "switch_cost_ns": None,
    }
    return Summary(**{**values, **changed})


def test_schema_is_valid(schema: dict[str, Any]) -> None:
    for file in SCHEMA.parent.glob("*.json"):
        one = json.loads(file.read_text())
        jsonschema.Draft202012Validator.check_schema(one)
        assert one["title"] == file.stem.replace("-", "/")
    assert schema["properties"]["schema"]["const"] == json_report.SCHEMA


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"sched": None, "wakeups": None, "syscalls": None, "top": (), "rest": None},
        {"light": True, "headline": Headline(None, 0.2, None, None, 0.2, 0, 0.6, 0)},
        {"cpus": (1,), "switch_cost_ns": 900, "exit_status": None},
        {"interrupted": 2, "units": None, "result": {}},
        {
            "kind": "command",
            "units": None,
            "survivors": (Process(7, 3, "a", True),),
            "estimate": Estimate(10, 1.5, 100),
            "groups": (GroupRow("w-*", 3, 1, 5, dict.fromkeys(states.OWN_PARTS, 1), 1, 2, 3),),
        },
        {
            "kind": "attach",
            "argv": (),
            "units": None,
            "result": {},
            "exit_status": None,
            "processes": (Process(7, 3, "a"),),
            "path_thread": PathThread(7, "a", 5),
        },
    ],
    ids=["all", "no probes", "light", "pinned", "partial", "command", "attach"],
)
def test_schema_describes_what_is_written(schema: dict[str, Any], changed: dict[str, Any]) -> None:
    document = json.loads(json.dumps(json_report.document(_summary(**changed))))
    jsonschema.Draft202012Validator(schema).validate(document)


def test_schema_refuses_what_is_not_written(schema: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(schema)
    document = json_report.document(_summary())
    assert validator.is_valid(document)
    assert not validator.is_valid({**document, "more": 1})
    assert not validator.is_valid({**document, "window_ns": 1.5})
    assert not validator.is_valid({k: v for k, v in document.items() if k != "losses"})
    ledgers = json.loads(json.dumps(document["ledgers"]))
    del ledgers["wall"]["parts"]["sleep"]
    assert not validator.is_valid({**document, "ledgers": ledgers})
