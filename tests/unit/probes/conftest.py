"""What the probes' tests share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from harness.machine import Machine, compiler

SCHEMA = Path(__file__).parents[3] / "docs" / "schema" / "tracer.run-2.json"


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The state machine with the module's PROBES."""
    if compiler() is None:
        pytest.skip("no C compiler")
    return Machine(tmp_path_factory.mktemp("machine"), request.module.PROBES)


@pytest.fixture(scope="session")
def validate() -> Callable[[str, Mapping[str, Any]], None]:
    """Validate a probe's JSON section by the part of the schema that describes it."""
    schema = json.loads(SCHEMA.read_text())

    def check(name: str, data: Mapping[str, Any]) -> None:
        part = {"$defs": schema["$defs"], **schema["properties"][name]}
        jsonschema.Draft202012Validator(part).validate(json.loads(json.dumps(data)))

    return check
