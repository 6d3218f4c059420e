"""What the probes' tests share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

SCHEMA = Path(__file__).parents[3] / "docs" / "schema" / "tracer.run-1.json"


@pytest.fixture(scope="session")
def validate() -> Callable[[str, Mapping[str, Any]], None]:
    """Hold a probe's JSON section against the part of the schema that describes it."""
    schema = json.loads(SCHEMA.read_text())

    def check(name: str, data: Mapping[str, Any]) -> None:
        part = {"$defs": schema["$defs"], **schema["properties"][name]}
        jsonschema.Draft202012Validator(part).validate(json.loads(json.dumps(data)))

    return check
