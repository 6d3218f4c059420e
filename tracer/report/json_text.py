"""A report's document as JSON text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def json_text(document: Mapping[str, Any], indent: int | None = 2) -> str:
    """The text, without a newline at its end; it has no text that JSON may not contain."""
    return json.dumps(valid(document), indent=indent)


def valid(value: Any) -> Any:
    """The same data; where a text has bytes that are not UTF-8 (an argument of a command), which
    Python keeps as lone surrogates and no JSON may contain, each is replaced."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {valid(name): valid(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [valid(member) for member in value]
    return value
