"""Imports go one way: cli -> measure, session -> target, probes, kernel -> recording -> analysis
-> report; and what reads a recording needs neither root nor BCC."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Further down may not import further up. What stands on one line may import each other as long
#: as there is no circle (tested apart).
LAYERS = (
    ("benchmarks",),
    ("tracer.__main__",),
    ("tracer.cli",),
    (
        "tracer.experiment.suite",
        "tracer.experiment.sizes",
        "tracer.experiment.pinning",
        "tracer.experiment.asynchrony",
    ),
    ("tracer.lines",),
    ("tracer.experiment.blocks",),
    (
        "tracer.experiment.grid",
        "tracer.experiment.held",
        "tracer.experiment.runner",
        "tracer.experiment.store",
    ),
    ("tracer.experiment", "tracer.measure", "tracer.output"),
    ("tracer.attach", "tracer.command"),
    ("tracer.window", "tracer.session"),
    ("tracer.kernel.seed", "tracer.python_threads"),
    ("tracer.kernel.calibrate", "tracer.kernel.engine"),
    ("tracer.kernel.bcc", "tracer.kernel.bpf", "tracer.target"),
    ("tracer.report",),
    ("tracer.analysis.summary",),
    ("tracer.analysis",),
    ("tracer.facts",),
    ("tracer.fingerprint", "tracer.limits", "tracer.python_names"),
    ("tracer.groups", "tracer.processes"),
    ("tracer.outcome", "tracer.placement", "tracer.recording", "workloads"),
    ("tracer.probes",),
    ("tracer.kernel", "tracer.histogram"),
    ("tracer.progress", "tracer.section", "tracer.units", "tracer.words"),
    ("tracer.errors", "tracer.mappings", "tracer"),
)
#: Needs root, BCC, or a running target.
LIVE = {
    "tracer.cli",
    "tracer.measure",
    "tracer.attach",
    "tracer.command",
    "tracer.window",
    "tracer.session",
    "tracer.target",
    "tracer.python_threads",
    "tracer.experiment",
    "tracer.experiment.runner",
    "tracer.experiment.suite",
    "tracer.experiment.pinning",
    "tracer.experiment.asynchrony",
    "tracer.lines",
    "tracer.kernel.bcc",
    "tracer.kernel.bpf",
    "tracer.kernel.engine",
    "tracer.kernel.calibrate",
    "tracer.kernel.seed",
    "tracer.kernel.btf",
    "bcc",
}


def _modules() -> dict[str, Path]:
    found = {}
    for package in ("benchmarks", "tracer", "workloads"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if "native" in file.parts:
                continue
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = _modules()


def _imports(name: str) -> set[str]:
    """Everything a module imports anywhere in its text, not for types only."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: a relative import"
            assert node.module
            for alias in node.names:
                both = f"{node.module}.{alias.name}"
                found.add(both if both in MODULES else node.module)
    return found


def _ours(name: str) -> set[str]:
    return {other for other in _imports(name) if other in MODULES}


def _layer(name: str) -> int:
    matches = [
        (len(prefix), index)
        for index, layer in enumerate(LAYERS)
        for prefix in layer
        if name == prefix or (name.startswith(prefix + ".") and prefix != "tracer")
    ]
    assert matches, f"{name} has no place in the layers of this test"
    return max(matches)[1]


def _reached(name: str) -> set[str]:
    found: set[str] = set()
    todo = {name}
    while todo:
        module = todo.pop()
        found.add(module)
        todo |= _ours(module) - found
    return found


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name: str) -> None:
    for other in _ours(name):
        assert _layer(name) <= _layer(other), f"{name} imports {other}"


def test_no_circles() -> None:
    for name in MODULES:
        for other in _ours(name) - {name}:
            assert name not in _reached(other), f"{name} and {other} import each other"


def test_only_one_file_imports_bcc() -> None:
    importers = {
        name for name in MODULES if any(i == "bcc" or i.startswith("bcc.") for i in _imports(name))
    }
    assert importers == {"tracer.kernel.bcc"}


@pytest.mark.parametrize(
    "name",
    [n for n in MODULES if n.startswith(("tracer.analysis", "tracer.report", "tracer.recording"))],
)
def test_reading_a_recording_needs_neither_root_nor_bcc(name: str) -> None:
    assert not _reached(name) & LIVE
    for reached in _reached(name):
        assert not _imports(reached) & LIVE


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("tracer.analysis")])
def test_analysis_knows_nothing_of_reports(name: str) -> None:
    assert not any(other.startswith("tracer.report") for other in _reached(name))


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("workloads")])
def test_workloads_know_nothing_of_tracer(name: str) -> None:
    assert all(other.startswith("workloads") for other in _reached(name))


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("tracer.cli.")])
def test_the_command_line_starts_without_numpy(name: str) -> None:
    """`tracer --help` is quick: heavy modules are imported by the command that needs them."""
    tree = ast.parse(MODULES[name].read_text())
    top = {
        alias.name.split(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert "numpy" not in top
