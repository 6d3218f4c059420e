"""Make the pictures of docs/html.md again, from runs as root; `make docs` calls it."""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
SAVED = ROOT / "tests" / "data" / "reports" / "tracer.explain-2.json.gz"
sys.path.insert(0, str(ROOT / "tests"))


class Picture(NamedTuple):
    """One picture: its file, the page, what is scrolled to, its height and theme."""

    file: str
    page: str
    at: str
    height: int = 760
    theme: str = "light"


SHOWN = (
    Picture("html-answer.png", "run.html", "body", height=900),
    Picture("html-path.png", "run.html", "#path", theme="dark", height=620),
    Picture("html-threads.png", "recorded.html", "#threads", height=820),
    Picture("html-explain.png", "explained.html", "body", height=820),
)


def pages(folder: Path) -> None:
    """A run with stacks, a recording and its page, and the page of a saved experiment."""
    tracer = [sys.executable, "-m", "tracer"]
    recording = str(folder / "recording")
    (folder / "saved.json").write_bytes(gzip.decompress(SAVED.read_bytes()))
    run = ["thread-brigade", "--tasks", "50", "--iters", "2000", "--no-baseline"]
    commands = (
        ["run", *run, "--probe", "+stacks", "--html", str(folder / "run.html")],
        ["run", "async-brigade", "--tasks", "50", "--iters", "200", "--workers", "2",
         "--no-baseline", "--record", recording],
        ["report", recording, "--html", str(folder / "recorded.html")],
        ["report", str(folder / "saved.json"), "--html", str(folder / "explained.html")],
    )  # fmt: skip
    for command in commands:
        print("tracer", *command, file=sys.stderr)
        subprocess.run([*tracer, *command], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def main() -> None:
    """Write every picture; without Chromium or Playwright they are left as they are."""
    from harness.browser import Opened, chromium, program

    if program() is None:
        print("no Chromium: the pictures of docs/html.md are left as they are", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        pages(folder)
        for one in SHOWN:
            size = {"width": 1100, "height": one.height}
            opened = Opened(browser, folder / one.page, viewport=size, color_scheme=one.theme)
            page = opened.page
            page.locator(one.at).first.evaluate("one => one.scrollIntoView()")
            page.wait_for_timeout(1500)  # what is drawn when it is seen
            page.screenshot(path=PICTURES / one.file)
            if opened.errors:
                raise RuntimeError(f"{one.page}: {opened.errors}")


if __name__ == "__main__":
    main()
