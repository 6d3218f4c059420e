"""Pages in headless Chromium: every test here fails on any error of the console, and on any load
but the page itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from harness.browser import until
from harness.pages import HOSTILE, live_page, planted, with_names, with_threads

from tracer.report.html.views import page_of
from tracer.units import duration

Show = Callable[..., Any]


def frames(page: Any) -> list[str]:
    return page.locator("g.frame").evaluate_all("all => all.map(one => one.getAttribute('name'))")


def column(page: Any, table: str, number: int) -> list[str]:
    cells = page.locator(table).locator(f"tbody tr td:nth-child({number})")
    return cells.all_inner_texts()


def test_every_kind_of_run_opens(show: Show) -> None:
    for kind in ("all", "no probes", "light", "partial", "attach"):
        page = show(live_page(kind))
        assert page.locator("h1").inner_text(), kind
        assert page.locator("section h2").count() >= 5, kind
        assert page.locator(".whole-bar .segment").count() >= 2, kind


def test_the_libraries_are_named_with_their_licences(show: Show) -> None:
    page = show(live_page())
    for name in ("D3", "d3-flame-graph", "uPlot"):
        line = page.locator("footer summary", has_text=name).first
        line.click()
        assert len(line.locator("xpath=../pre").inner_text()) > 500


def test_a_part_of_the_ledger_opens_into_its_calls(show: Show) -> None:
    page = show(live_page())
    page.locator(".parts button", has_text="I/O calls").click()
    assert "read" in column(page, ".panel .table", 1)
    assert page.locator(".parts [aria-expanded=true]").count() == 1
    page.locator(".whole-bar .segment").first.click()
    assert "I/O calls" not in page.locator(".panel h3").first.inner_text()


def test_the_flame_graph_zooms_and_finds(show: Show) -> None:
    page = show(live_page())
    whole = frames(page)
    assert whole[0] == "all" and len(whole) > 5
    name = next(one for one in whole if one.startswith("["))
    page.locator(".flame-search").fill(name[1:6])
    assert "match" in page.locator(".flame .said").inner_text()
    page.locator(".flame-search").fill("(((")  # no regular expression
    assert "0 frames match" in page.locator(".flame .said").inner_text()
    page.locator(".flame-search").fill("")
    leaf = page.locator("g.frame").nth(whole.index(name))
    before = leaf.locator("rect").bounding_box()["width"]
    leaf.dispatch_event("click")
    zoomed = page.locator("g.frame", has=page.locator("title", has_text=f"{name}:"))
    until(page, lambda: zoomed.locator("rect").bounding_box()["width"] > 1000)
    assert before < 1000
    page.get_by_role("button", name="whole graph").click()
    until(page, lambda: page.locator("g.frame").count() == len(whole))


def test_the_flame_graph_by_keys(show: Show) -> None:
    page = show(live_page())
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.className") == "flame-search"
    page.locator(".flame-place").focus()
    page.keyboard.press("ArrowDown")
    chosen = page.locator("g.frame.chosen")
    first = chosen.get_attribute("name")
    page.keyboard.press("ArrowDown")
    assert chosen.get_attribute("name") != first
    page.keyboard.press("ArrowUp")
    assert chosen.get_attribute("name") == first
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert page.locator("g.frame.chosen").count() == 0


def test_in_order_of_time_the_same_time(show: Show) -> None:
    page = show(live_page())
    page.get_by_role("button", name="in order of time").click()
    assert page.get_by_role("button", name="in order of time").get_attribute("aria-pressed")
    root = page.locator("g.frame title").first.text_content()
    page.get_by_role("button", name="left heavy").click()
    assert page.locator("g.frame title").first.text_content() == root


def test_tables_sort_and_filter(show: Show) -> None:
    page = show(page_of([with_threads(planted("all"), 40)]))
    table = "#threads .table"
    tids = [int(text) for text in column(page, table, 1)]
    assert tids == list(range(40, 40 - len(tids), -1))  # most time first
    page.locator(table).get_by_role("button", name="tid").click()
    page.locator(table).get_by_role("button", name="tid").click()
    assert [int(text) for text in column(page, table, 1)] == list(range(1, len(tids) + 1))
    assert page.locator(f"{table} th[aria-sort=ascending]").inner_text().startswith("tid")
    page.locator(table).get_by_role("searchbox").fill("worker-3")
    assert set(column(page, table, 2)) == {"worker-3", *(f"worker-3{n}" for n in range(10))}
    assert "11 of 40 rows" in page.locator(table).inner_text()
    page.locator(table).get_by_role("searchbox").fill("none of them")
    assert column(page, table, 1) == ["no such row"]


def test_dark_light_and_as_the_system_says(show: Show) -> None:
    page = show(live_page(), color_scheme="dark")
    shade = "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    assert page.evaluate(shade) < 60
    page.locator("#theme").click()
    assert page.locator("#theme").inner_text() == "theme: light"
    assert page.evaluate(shade) > 200
    page.keyboard.press("t")
    assert page.locator("#theme").inner_text() == "theme: dark"
    assert page.evaluate(shade) < 60


def test_ten_thousand_threads_are_drawn(show: Show) -> None:
    page = show(page_of([with_threads(planted("all"), 10_000)]))
    table = page.locator("#threads .table")
    more = table.locator(".more")
    assert "9,988" in more.inner_text()
    more.click()
    assert table.locator("tbody tr").count() == 512
    table.get_by_role("searchbox").fill("worker-9999")
    assert column(page, "#threads .table", 1) == ["9999"]


def test_hostile_names_are_text(show: Show) -> None:
    harmless = show(
        page_of([with_names(planted(), [f"harmless {n}" for n in range(len(HOSTILE))])])
    )
    page = show(page_of([with_names(planted(), HOSTILE)]))
    for selector in ("script", "img", "iframe", "link", "section", ".table tr"):
        assert page.locator(selector).count() == harmless.locator(selector).count(), selector
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    text = page.locator("main").text_content()
    assert all(name in text for name in HOSTILE if "<" in name)
    assert "\u202e" not in text and "\\u202eabc" in text


def test_narrow_pages_do_not_scroll_sideways(show: Show) -> None:
    for kind in ("all", "attach", "profiled"):
        page = show(live_page(kind), viewport={"width": 380, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), kind


def test_printed_without_controls(show: Show) -> None:
    page = show(live_page())
    page.emulate_media(media="print")
    for selector in ("header", ".tools", ".filter"):
        assert not page.locator(selector).first.is_visible(), selector
    assert page.locator("h1").is_visible() and page.locator(".text.answer").is_visible()


def test_paper_is_white(show: Show) -> None:
    """Also for who reads in the dark: the axes of the figures are in the ink of the theme."""
    page = show(live_page(), color_scheme="dark")
    ink = "getComputedStyle(document.body).color"
    dark = page.evaluate(ink)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    printed = page.evaluate(ink)
    assert printed != dark
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(ink) == dark
    page.keyboard.press("t")
    assert page.evaluate(ink) == printed
    page.pdf()  # and no errors


def test_times_read_as_in_the_text_report(show: Show) -> None:
    """The page has a form of its own of times under the pointer: that of tracer.units."""
    page = show(live_page())
    titles = page.locator("g.frame title").all_text_contents()
    tree = json.loads(page.locator("#view").text_content())
    (path,) = [one for one in tree["views"][0]["sections"] if one["id"] == "path"]
    root = path["blocks"][0]["trees"][0]["tree"]
    assert titles[0].startswith(f"all: {duration(root[1])}, 100.0 %")
