"""Pages of saved reports of experiments, and of a recording."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from harness.browser import until
from harness.written import Written

from tracer.cli.report import command
from tracer.errors import TracerError
from tracer.report.html.page import page
from tracer.report.html.states import path, states
from tracer.report.html.views import page_of, schemas

REPORTS = Path(__file__).parents[3] / "data" / "reports"
#: Saved by the commands of these names, on a busy host.
SAVED = {
    file.name.removesuffix(".json.gz"): json.loads(gzip.decompress(file.read_bytes()))
    for file in sorted(REPORTS.glob("*.json.gz"))
}
Show = Callable[..., Any]


def numbers(data: Any, *keys: str) -> list[float]:
    """What stands under a name, anywhere in a document."""
    if isinstance(data, dict):
        own = [v for name, v in data.items() if name in keys and isinstance(v, int | float)]
        return own + [one for value in data.values() for one in numbers(value, *keys)]
    if isinstance(data, list):
        return [one for value in data for one in numbers(value, *keys)]
    return []


@pytest.mark.parametrize("name", SAVED)
def test_every_number_of_a_picture_is_in_the_report(name: str) -> None:
    text = page_of([SAVED[name]])
    (found,) = text.split('id="view">')[1:]
    view = json.loads(found.split("</script>")[0])["views"][0]
    known = set(numbers(SAVED[name], "median", "low", "high", "slope", "ratio"))
    rows = [
        row
        for section in view["sections"]
        for block in section["blocks"]
        if block["kind"] == "intervals"
        for row in block["rows"]
    ]
    assert len(rows) >= 2
    for row in rows:
        assert {row["median"], row["low"], row["high"]} <= known, row


def tones(data: Any) -> set[str]:
    """The colours of what is a ratio or a difference."""
    view = json.loads(page_of([data]).split('id="view">')[1].split("</script>")[0])["views"][0]
    found = [block for section in view["sections"] for block in section["blocks"]]
    return {
        row["tone"]
        for block in found
        if block["kind"] == "intervals" and block["reference"] is not None
        for row in block["rows"]
    }


def test_few_blocks_and_a_busy_host_have_no_colour() -> None:
    compared = json.loads(json.dumps(SAVED["tracer.compare-1"]))
    compared["load"]["verdict_allowed"] = True
    assert compared["ratio"]["blocks"] == 6
    assert tones(compared) == {"dim"}
    for name in ("ratio", "traced_ratio"):
        compared[name]["blocks"] = 12
    assert "good" in tones(compared)
    compared["load"]["verdict_allowed"] = False
    assert tones(compared) == {"dim"}
    explained = json.loads(json.dumps(SAVED["tracer.explain-2"]))
    assert explained["load"]["verdict_allowed"] and explained["rounds"] < 12
    assert "good" not in tones(explained) and "nothing here is a firm claim" in page_of([explained])
    explained["rounds"] = 12
    assert "good" in tones(explained) and "firm claim" not in page_of([explained])


@pytest.mark.parametrize("name", SAVED)
def test_a_page_of_an_experiment_opens(show: Show, name: str) -> None:
    page = show(page_of([SAVED[name]]))
    assert page.locator(".interval-row .dot").count() >= 2
    lefts = page.locator(".interval-rows").first.locator(".interval-track")
    edges = lefts.evaluate_all("all => all.map(one => one.getBoundingClientRect().left)")
    widths = lefts.evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert len({round(x) for x in edges}) == len({round(x) for x in widths}) == 1  # one scale
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_command_makes_pages_of_all_saved_reports(tmp_path: Path) -> None:
    for name, data in SAVED.items():
        saved, made = tmp_path / f"{name}.json", tmp_path / f"{name}.html"
        saved.write_text(json.dumps(data))
        done = CliRunner().invoke(command, [str(saved), "--html", str(made)])
        assert (done.exit_code, done.output) == (0, "")
        assert made.read_text().startswith("<!DOCTYPE html>")


def test_what_has_no_page_is_an_error(tmp_path: Path) -> None:
    saved = tmp_path / "x.json"
    for data in ({"schema": "tracer.doctor/1"}, *({"schema": name} for name in schemas())):
        saved.write_text(json.dumps(data))
        with pytest.raises(TracerError) as refused:
            CliRunner().invoke(
                command, [str(saved), "--html", str(tmp_path / "y")], catch_exceptions=False
            )
        assert refused.value.exit_code == 2
        assert list(tmp_path.iterdir()) == [saved]


def recording_page(lanes: int = 0) -> str:
    """Of events written by hand; `lanes`: so many threads of the same."""
    written = Written()
    written.begins()
    written.reader()
    written.enter(1100, 0, 1, "write")
    written.waking(1110, 0, 1, 2)
    written.leave(1120, 0, 1, "write")
    written.switch(1130, 1, 0, 2)
    written.leave(1140, 1, 2, "read")
    written.close(1200, 1, 2)
    found = written.replayed()
    block = states(found, [{"slot": 1, "life": 0, "name": "<b>writer"}])
    assert block is not None
    stacks = path(found, [], "x86_64")
    assert sum(ns for *_, ns in stacks) == 200
    if lanes:
        thread = block["lanes"]["threads"][0]
        block["lanes"]["threads"] = [{**thread, "name": f"t{n}"} for n in range(lanes)]
    section = {"id": "threads", "title": "Threads", "short": "", "lead": "", "blocks": [block]}
    return page("recorded", [{"title": "recorded", "sections": [section]}])


def test_threads_by_state_over_time(show: Show) -> None:
    page = show(recording_page())
    page.locator(".plot-place canvas").wait_for()
    names = page.locator(".lane-names div").all_inner_texts()
    assert any(name.startswith("<b>writer") for name in names)
    legend = page.locator(".u-legend").inner_text()
    assert "own code" in legend and "asleep" in legend
    button = page.get_by_role("button", name="with those asleep")
    button.click()
    until(page, lambda: "asleep" not in page.locator(".u-legend").inner_text())
    assert button.get_attribute("aria-pressed") == "false"


def test_ten_thousand_lanes_are_scrolled_and_filtered(show: Show) -> None:
    page = show(recording_page(lanes=10_000))
    names = page.locator(".lane-names div")
    names.first.wait_for()
    assert names.count() == 25
    page.locator(".lanes").evaluate("one => { one.scrollTop = 14 * 5000; }")
    names.filter(has_text="t5000").first.wait_for()
    page.get_by_role("searchbox", name="filter threads").fill("t9999")
    assert names.all_inner_texts() == ["t9999"]
