"""The live view itself, without a terminal: what it shows, and what its keys ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from harness.profiled import PROFILE, WALL
from harness.summarized import planted_summaries, planted_summary

from tracer.analysis.run.document import document
from tracer.analysis.where.profile import where

pytest.importorskip("textual")

from textual.pilot import Pilot
from textual.widgets import DataTable

from tracer.report.live.app import Live
from tracer.report.live.tables import TABLES

WINDOW = document(planted_summaries()["command"]) | {"findings": []}
THREADS = document(planted_summaries()["all"])
Script = Callable[[Live, "Pilot[int]", list[Mapping[str, Any]]], Awaitable[None]]


def play(script: Script, size: tuple[int, int] = (80, 24)) -> Live:
    """Run the view, with what it sends in a list."""
    sent: list[Mapping[str, Any]] = []
    view = Live(sent.append)

    async def run() -> None:
        async with view.run_test(size=size) as pilot:
            await script(view, pilot, sent)

    # on a thread of its own: in this one the browser of other tests may have left a loop running
    with ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, run()).result()
    return view


def screen(view: Live) -> str:
    """Every character on the screen."""
    strips = view.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_all_tables_at_both_sizes(size: tuple[int, int]) -> None:
    async def script(view: Live, pilot: Pilot[int], _sent: list[Mapping[str, Any]]) -> None:
        assert "attaching" in screen(view)
        view.receive({"window": WINDOW})
        for key, (name, _rows, _column) in TABLES.items():
            await pilot.press(key)
            await pilot.pause()
            text = screen(view)
            assert f"{key} {name}" in text and "Where the time went" in text
            assert "Quit" in text and len(text.splitlines()) == size[1]

    play(script, size)


def test_what_is_saved_after_the_end_is_said() -> None:
    async def script(view: Live, pilot: Pilot[int], sent: list[Mapping[str, Any]]) -> None:
        view.receive({"window": WINDOW})
        view.receive({"ended": "the last process has ended; q leaves"})
        await pilot.pause()
        assert "the last process has ended" in screen(view)
        await pilot.press("w")
        view.receive({"note": "saved: tracer report x.json"})
        await pilot.pause()
        assert sent == [{"save": WINDOW}] and "saved: tracer report x.json" in screen(view)
        view._note_until_s = 0
        view._draw()
        await pilot.pause()
        assert "the last process has ended" in screen(view)

    play(script)


def test_rows_that_look_alike_are_all_shown() -> None:
    """Functions of one name in files of one name; two threads that had one number in turn."""
    data = document(planted_summary(where=where(PROFILE, WALL)))
    place, thread = data["where"]["places"][0], data["threads"][0]
    data["where"]["places"] = [{**place, "file": f"/{a}/__init__.py"} for a in "ab"]
    data["threads"] = [thread, {**thread, "voluntary": 0}]

    async def script(view: Live, pilot: Pilot[int], sent: list[Mapping[str, Any]]) -> None:
        view.receive({"window": data})
        for key in "52":
            await pilot.press(key)
            await pilot.pause()
            assert view.query_one(DataTable).row_count == 2
        await pilot.press("down", "enter")
        await pilot.pause()
        assert sent == [{"path_of": str(thread["tid"])}]

    play(script)


def test_a_paused_view_stands_still_and_goes_on_with_what_came() -> None:
    async def script(view: Live, pilot: Pilot[int], _sent: list[Mapping[str, Any]]) -> None:
        view.receive({"window": WINDOW})
        await pilot.press("space")
        later = {**WINDOW, "window_ns": 7 * WINDOW["window_ns"]}
        view.receive({"window": later})
        view.receive({"window": later})
        await pilot.pause()
        assert "PAUSED (2 behind)" in screen(view) and "window 1" in screen(view)
        assert view._document == WINDOW
        await pilot.press("space")
        await pilot.pause()
        assert "PAUSED" not in screen(view) and "window 3" in screen(view)
        assert view._document == later

    play(script)


def test_keys_ask_for_a_thread_a_group_and_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    from tracer.report.live import dialogs

    groups = [(Path("/sys/fs/cgroup/a"), Path("a"), 3), (Path("/sys/fs/cgroup/b"), Path("b"), 4)]
    monkeypatch.setattr(dialogs, "populated", lambda: groups)

    async def script(view: Live, pilot: Pilot[int], sent: list[Mapping[str, Any]]) -> None:
        view.receive({"window": THREADS})
        await pilot.press("2")
        await pilot.pause()
        tid = view.query_one(DataTable).get_row_at(0)[0].plain
        await pilot.press("enter", "b", "w", "g")
        await pilot.pause()
        view.receive({"window": THREADS})
        await pilot.press("down", "enter")
        await pilot.pause()
        assert sent == [{"path_of": tid}, {"path_of": "busiest"}, {"save": THREADS},
                        {"cgroup": "/sys/fs/cgroup/b"}]  # fmt: skip
        await pilot.press("g", "escape", "h", "x", "ctrl+z", "R")
        await pilot.pause()
        assert sent[4:] == [{"record": True}] and "Where the time went" in screen(view)

    play(script)


def test_sorting_by_keys() -> None:
    async def script(view: Live, pilot: Pilot[int], _sent: list[Mapping[str, Any]]) -> None:
        view.receive({"window": THREADS})
        await pilot.press("3")
        table = view.query_one(DataTable)

        def marked() -> list[str]:
            heads = [column.label.plain for column in table.columns.values()]
            return [head for head in heads if head.endswith((" v", " ^"))]

        await pilot.pause()
        assert [head.split(",")[0] for head in marked()] == ["total"]
        await pilot.press("s", "r")
        await pilot.pause()
        assert [head.split(",")[0] for head in marked()] == ["on CPU"] and marked()[0][-1] == "^"

    play(script)


def test_notes_and_the_end_are_told_and_escaped() -> None:
    async def script(view: Live, pilot: Pilot[int], _sent: list[Mapping[str, Any]]) -> None:
        view.receive({"note": "saved: \x1b[31mx"})
        await pilot.pause()
        assert "saved: \\x1b" in screen(view)
        view.receive({"window": WINDOW})
        view.receive({"ended": "the last process has ended; q leaves"})
        await pilot.pause()
        assert "the last process has ended" in screen(view)

    play(script)


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
def test_it_is_left(key: str) -> None:
    async def script(view: Live, pilot: Pilot[int], _sent: list[Mapping[str, Any]]) -> None:
        view.receive({"window": WINDOW})
        await pilot.press(key)
        await pilot.pause()

    assert play(script).return_code == 0
