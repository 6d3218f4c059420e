"""What the unit tests share; none of them needs root or BPF."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.machine import Machine, compiler
from harness.world import Task, World

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The state machine, compiled once."""
    if compiler() is None:
        pytest.skip("no C compiler")
    return Machine(tmp_path_factory.mktemp("machine"))


@pytest.fixture(scope="session")
def light_machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The same as with --light."""
    if compiler() is None:
        pytest.skip("no C compiler")
    return Machine(tmp_path_factory.mktemp("machine"), light=True)


@pytest.fixture
def world(machine: Machine) -> World:
    """A host with every CPU seen and the first thread of the target at the gate."""
    return World(machine)


@pytest.fixture
def w(world: World) -> World:
    """The window is open since 1000; the first thread runs on CPU 0, in user mode."""
    world.open()
    return world


@pytest.fixture
def other(w: World) -> Task:
    """A second thread, created by the first, blocked in a read since 1040 on CPU 1.

    The first thread is in user mode again, with the path {user: 10, syscall:process: 20} at 1030.
    """
    return w.create_reader()


@pytest.fixture
def light_world(light_machine: Machine) -> World:
    """The same as with --light."""
    return World(light_machine)


@pytest.fixture
def validate_document() -> Callable[[Mapping[str, Any]], None]:
    """Validate a JSON document by the schema that it names."""

    def check(document: Mapping[str, Any]) -> None:
        file = SCHEMAS / f"{document['schema'].replace('/', '-')}.json"
        jsonschema.Draft202012Validator(json.loads(file.read_text())).validate(document)

    return check
