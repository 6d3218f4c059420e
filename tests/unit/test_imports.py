"""The rooms and their order: each imports only itself and those after it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    *("cli", "api", "experiment", "report", "capture", "analysis"),
    *("kernel", "probes", "host", "model"),
)
#: Used from every room.
LANDING = {"__init__", "__main__", "errors", "units", "progress"}
#: What needs root, BCC, or a running target.
LIVE = ("tracer.cli", "tracer.api", "tracer.experiment", "tracer.capture", "tracer.kernel", "bcc")


def _modules() -> dict[str, Path]:
    modules = {}
    for package in ("benchmarks", "tracer", "workloads"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if "native" in file.parts:
                continue
            parts = file.relative_to(ROOT).with_suffix("").parts
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return modules


MODULES = _modules()


@cache
def _imports(name: str) -> frozenset[str]:
    """Everything a module imports anywhere in its text; tracer itself does so on demand only."""
    if name == "tracer":
        return frozenset()
    names = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: a relative import"
            assert node.module
            for alias in node.names:
                both = f"{node.module}.{alias.name}"
                names.add(both if both in MODULES else node.module)
    return frozenset(names)


def _ours(name: str) -> set[str]:
    return {other for other in _imports(name) if other in MODULES}


def _room(name: str) -> str:
    """The folder of tracer/ that a module is in; empty for one beside the folders."""
    parts = name.split(".")
    return parts[1] if parts[0] == "tracer" and len(parts) > 1 and parts[1] in ROOMS else ""


def _reached(name: str) -> set[str]:
    reached: set[str] = set()
    todo = {name}
    while todo:
        module = todo.pop()
        reached.add(module)
        todo |= _ours(module) - reached
    return reached


def test_the_landing_is_small() -> None:
    assert {file.stem for file in (ROOT / "tracer").glob("*.py")} == LANDING
    folders = {d.name for d in (ROOT / "tracer").iterdir() if d.is_dir()} - {"__pycache__"}
    assert folders == set(ROOMS)


def test_probes_are_pairs_and_nothing_else() -> None:
    files = [f for f in (ROOT / "tracer" / "probes").iterdir() if f.is_file()]
    pairs = {f.stem for f in files if f.suffix == ".c"}
    assert pairs == {f.stem for f in files if f.suffix == ".py"} - {"__init__"}


@pytest.mark.parametrize("name", [n for n in MODULES if _room(n)])
def test_each_room_imports_only_itself_and_those_after_it(name: str) -> None:
    for other in _ours(name):
        if _room(other):
            assert ROOMS.index(_room(name)) <= ROOMS.index(_room(other)), f"{name}: {other}"
        else:
            assert other == "tracer" or other.rpartition(".")[2] in LANDING | {
                "workloads",
                *(n.rpartition(".")[2] for n in MODULES if n.startswith("workloads.")),
            }, f"{name}: {other}"


def test_no_circles() -> None:
    """A circle is a CycleError, which names its modules."""
    order = TopologicalSorter({name: _ours(name) - {name} for name in MODULES}).static_order()
    assert set(order) == set(MODULES)


def test_how_it_works_shows_the_rooms_in_their_order() -> None:
    text = (ROOT / "docs" / "how-it-works.md").read_text()
    shown = re.findall(r"^tracer/(\w+)/ +\S.*$", text, re.M)
    assert tuple(shown) == ROOMS


def test_only_one_file_imports_bcc() -> None:
    importers = {
        name for name in MODULES if any(i == "bcc" or i.startswith("bcc.") for i in _imports(name))
    }
    assert importers == {"tracer.kernel.bcc"}


@pytest.mark.parametrize("name", [n for n in MODULES if _room(n) in ("analysis", "report")])
def test_reading_a_recording_needs_neither_root_nor_bcc(name: str) -> None:
    for reached in _reached(name):
        assert not any(f"{other}.".startswith(f"{live}.") for other in _imports(reached)
                       for live in LIVE), reached  # fmt: skip


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("workloads")])
def test_workloads_know_nothing_of_tracer(name: str) -> None:
    assert all(other.startswith("workloads") for other in _reached(name))


def test_the_package_imports_what_it_offers_on_demand() -> None:
    program = (
        "import sys, tracer\n"
        "print(*(name for name in sys.modules if name.startswith('tracer.')), 'END')\n"
        "print(all(getattr(tracer, name) for name in tracer.__all__))\n"
        "print(*({'numpy', 'bcc', 'click'} & set(sys.modules)), 'END')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines() == ["END", "True", "END"], done.stderr


def _helps() -> list[list[str]]:
    """Every way to ask for help: of each command, of their commands, and by `tracer help`."""
    from tracer.cli.main import cli

    names: list[list[str]] = []

    def collect(context: click.Context, words: list[str]) -> None:
        names.append(words)
        if isinstance(context.command, click.Group):
            for name in context.command.list_commands(context):
                command = context.command.get_command(context, name)
                assert command is not None
                collect(click.Context(command, parent=context), [*words, name])

    collect(click.Context(cli), [])
    return [
        *([*words, "--help"] for words in names),
        *(["help", *words] for words in names),
        ["run", "--help", "--"],
        ["help", "words"],
    ]


@pytest.mark.parametrize("words", _helps(), ids=" ".join)
def test_help_imports_neither_numpy_nor_bcc(words: list[str]) -> None:
    """`--help` is quick: heavy modules are imported by the command that needs them."""
    program = (
        "import sys; sys.argv = ['tracer', *sys.argv[1:]]\n"
        "import atexit\n"
        "atexit.register(lambda: print('HEAVY', *({'numpy', 'bcc'} & set(sys.modules))))\n"
        "from tracer.cli.main import main; main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: tracer" in done.stdout or words == ["help", "words"]
    assert done.stdout.splitlines()[-1] == "HEAVY"
