"""The file for speedscope, against its own schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from harness.profiled import PROFILE, WALL, frame, random_profile, sample, stack, thread

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.pieces import Piece, path_pieces, thread_pieces
from tracer.model.profile import Profile, ThreadSample
from tracer.report.exports.speedscope import speedscope

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "data" / "speedscope" / "file-format-schema.json").read_text()
)


def document(**profiles: list[Piece]) -> dict[str, Any]:
    """The file's content, which is valid by the schema."""
    text = speedscope("a run", profiles)
    loaded: dict[str, Any] = json.loads(text)
    jsonschema.validate(loaded, SCHEMA)
    return loaded


def stacks(loaded: dict[str, Any], number: int = 0) -> list[tuple[list[str], int]]:
    frames, profile = loaded["shared"]["frames"], loaded["profiles"][number]
    return [
        ([frames[at]["name"] for at in stack_], weight)
        for stack_, weight in zip(profile["samples"], profile["weights"], strict=True)
    ]


def test_the_path_in_order_of_time() -> None:
    loaded = document(path=path_pieces(PROFILE, WALL))
    assert stacks(loaded) == [
        (["ring::pass_on", "ring::spin", "[user]"], 39_999),
        (["ring::pass_on", "recv", "[wakeup:idle recvfrom]"], 10_000),
        (["ring::pass_on", "recv", "[syscall:io recvfrom]"], 30_001),
        (["ring::pass_on", "ring::spin", "[user]"], 20_000),
        (["(no sample)", "[sleep]"], 2),
        (["(no sample)", "[unknown]"], 1),
    ]
    profile = loaded["profiles"][0]
    assert (profile["startValue"], profile["endValue"]) == (0, WALL.total_ns)
    spin = {"name": "ring::spin", "file": "src/row.rs", "line": 40}
    assert spin in loaded["shared"]["frames"]


def test_a_profile_for_each_name() -> None:
    every = thread_pieces([ThreadSample(thread(1), "blocked:io", 70, None, None)])
    loaded = document(path=path_pieces(PROFILE, WALL), threads=every)
    assert [profile["name"] for profile in loaded["profiles"]] == ["path", "threads"]
    assert stacks(loaded, 1) == [(["(no stack)", "[blocked:io]"], 70)]


@pytest.mark.parametrize("seed", range(10))
def test_weights_sum_to_the_window(seed: int) -> None:
    profile, wall = random_profile(seed)
    loaded = document(path=path_pieces(profile, wall))
    assert sum(loaded["profiles"][0]["weights"]) == wall.total_ns


def test_the_schema_would_refuse_another_form() -> None:
    loaded = document(path=path_pieces(PROFILE, WALL))
    loaded["profiles"][0]["unit"] = "ns"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(loaded, SCHEMA)


def test_hostile_names() -> None:
    hostile = stack(frame('a\x1b\n"\\<script>\udcff', at="\x07file.rs:3"))
    profile = Profile((sample("user", 1, hostile),))
    text = speedscope("run\x1b\udcff", {"path": path_pieces(profile, Ledger(9, {"user": 9}))})
    assert text.rstrip("\n").isprintable() and text.encode()
    named = json.loads(text)["shared"]["frames"][0]
    assert named == {"name": 'a\\x1b\\n"\\<script>\\xff', "file": "\\x07file.rs", "line": 3}
