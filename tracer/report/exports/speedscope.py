"""The format of speedscope.app: the path in order of time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tracer.analysis.where.pieces import Piece
from tracer.report.exports.frames import NamedFrame, Naming
from tracer.units import plain

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def speedscope(title: str, profiles: Mapping[str, Sequence[Piece]]) -> str:
    """A file of one profile for each name; their weights are ns."""
    numbers: dict[NamedFrame, int] = {}
    made = [_profile(name, pieces, numbers) for name, pieces in profiles.items()]
    document = {
        "$schema": _SCHEMA,
        "name": plain(title),
        "exporter": "tracer",
        "activeProfileIndex": 0,
        "shared": {"frames": [_frame(frame) for frame in numbers]},
        "profiles": made,
    }
    return json.dumps(document, separators=(",", ":")) + "\n"


def _profile(name: str, pieces: Sequence[Piece], numbers: dict[NamedFrame, int]) -> dict[str, Any]:
    """`numbers` gets the frames that are new."""
    naming = Naming()
    kept = [piece for piece in pieces if piece.ns > 0]
    return {
        "type": "sampled",
        "name": name,
        "unit": "nanoseconds",
        "startValue": 0,
        "endValue": sum(piece.ns for piece in kept),
        "samples": [
            [numbers.setdefault(frame, len(numbers)) for frame in naming.of(piece)]
            for piece in kept
        ],
        "weights": [piece.ns for piece in kept],
    }


def _frame(frame: NamedFrame) -> dict[str, Any]:
    return {
        "name": frame.name,
        **({"file": frame.file} if frame.file else {}),
        **({"line": frame.line} if frame.line else {}),
    }
