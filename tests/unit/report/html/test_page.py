"""The file of a page without a browser: its policy, its size, what is kept in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from harness.pages import HOSTILE, live_page, planted, with_names, with_threads
from harness.summarized import planted_summaries

from tracer.analysis.run.document import document
from tracer.report.html.page import MOST_BYTES, page
from tracer.report.html.views import page_of

ROOT = Path(__file__).parents[4]
HTML = ROOT / "tracer" / "report" / "html"


def embedded(text: str, name: str) -> Any:
    (found,) = re.findall(rf'<script type="application/json" id="{name}">(.*?)</script>', text)
    return json.loads(found)


def scripts(text: str) -> list[str]:
    return re.findall(r"<script>(.*?)</script>", text, re.S)


def test_the_report_is_in_its_page() -> None:
    for run in planted_summaries().values():
        data = document(run)
        assert embedded(page_of([data]), "report") == json.loads(json.dumps(data))


def test_each_script_is_allowed_by_its_digest_and_nothing_else_is() -> None:
    text = live_page()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts(text)]
    wanted = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    assert rules["script-src"].split() == wanted
    assert len(wanted) == text.count("<script>") == 4


def test_nothing_is_loaded() -> None:
    text = re.sub(r"<script.*?</script>", "", live_page(), flags=re.S)
    assert not re.search(r"\ssrc=|<link|url\(|@import", text)


def test_a_page_is_small_without_its_data() -> None:
    text = live_page()
    data = sum(len(json.dumps(embedded(text, name))) for name in ("view", "report"))
    assert len(text.encode()) - data < 2_000_000


def test_data_is_binned_and_the_page_says_what_is_left_out() -> None:
    data = with_threads(planted("all"), 21_000)
    text = page_of([data])
    view = embedded(text, "view")
    assert embedded(text, "report") is None
    assert "too long to be kept" in view["notes"][0]
    (table,) = [
        block
        for section in view["views"][0]["sections"]
        for block in section["blocks"]
        if block.get("title") == "The busiest threads"
    ]
    assert len(table["rows"]) == 20_000 and "first 20,000 of 21,000" in table["note"]
    assert len(json.dumps(view, ensure_ascii=False).encode()) < MOST_BYTES * 1.2


def test_of_too_many_views_the_first_have_room() -> None:
    block = {"kind": "text", "tone": "", "lines": ["x" * 100_000]}
    views = [
        {"title": "t", "sections": [{"id": str(n), "title": "", "lead": "", "blocks": [block]}]}
        for n in range(100)
    ]
    text = page("t", views, total=len(views))
    view = embedded(text, "view")
    assert 20 < len(view["views"]) < 50 and len(text) < MOST_BYTES + 500_000
    assert view["notes"] == [f"Of 100 views the first {len(view['views'])} have room in this page."]


def test_names_are_no_markup() -> None:
    text = page_of([with_names(planted(), HOSTILE)])
    assert text.count("<script>") == text.count("</script>") - 2 == 4
    shown = re.sub(r"<script>.*?</script>", "", text, flags=re.S).split('id="report"')[0]
    assert "<img" not in shown and "\u202e" not in shown
    assert embedded(text, "view")["views"]


def test_the_scripts_make_no_markup_of_texts() -> None:
    for script in (HTML / "js").glob("*.js"):
        text = script.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b", text)


def test_the_libraries_are_those_that_the_script_names() -> None:
    """Digests of npm's archives are checked by the script when it fetches; here the files."""
    script = (ROOT / "scripts" / "vendor-js.sh").read_text()
    names = set(re.findall(r"^\S+ \S+ (\S+\.(?:js|css|LICENSE))$", script, re.M))
    assert names == {file.name for file in (HTML / "vendor").iterdir()}
    assert subprocess.run(["bash", "-n", ROOT / "scripts" / "vendor-js.sh"]).returncode == 0
    versions = dict(re.findall(r"^(\S+) (\d+\.\d+\.\d+) [0-9a-f]{64}$", script, re.M))
    footer = "".join(re.findall(r"<summary>(.*?)</summary>", live_page())).lower()
    assert len(versions) == 3
    for library, version in versions.items():
        assert f"{library} {version}" in footer
