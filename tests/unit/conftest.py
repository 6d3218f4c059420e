"""What the unit tests share; none of them needs root or BPF."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.machine import Machine, compiler
from harness.world import World


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
def light_world(light_machine: Machine) -> World:
    """The same as with --light."""
    return World(light_machine)
