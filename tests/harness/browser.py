"""Pages in a real browser: headless Chromium, driven by Playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

#: What Chromium is called where distributions and its makers install it.
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def program() -> str | None:
    """Chromium's program, where there is one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A running browser; a test that asks for it is skipped where there is none, and fails there
    with TRACER_FORCE_BPF=1."""
    path, why = program(), ""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        why = "playwright is not installed: scripts/setup.sh test-tools"
    if path is None:
        why = "there is no Chromium: TRACER_FORCE_BPF=1 scripts/setup.sh test-tools"
    if why:
        (pytest.fail if os.environ.get("TRACER_FORCE_BPF") == "1" else pytest.skip)(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            # as root, and where /dev/shm is small
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        try:
            yield browser
        finally:
            browser.close()


def until(page: Any, is_so: Callable[[], bool]) -> None:
    """Wait for something on a page, asking from outside: the page's own policy forbids the scripts
    with which Playwright's `wait_for_function` asks again."""
    for _ in range(200):
        if is_so():
            return
        page.wait_for_timeout(50)
    pytest.fail("what is waited for did not come")


class Opened:
    """One page, opened from a file; what went wrong in it is in `errors`."""

    def __init__(self, browser: Any, file: Path, **settings: Any) -> None:
        settings.setdefault("viewport", {"width": 1200, "height": 900})
        self.context = browser.new_context(reduced_motion="reduce", **settings)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.loaded: list[str] = []
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type != "log" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.loaded.append(request.url))
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("html[data-drawn]", state="attached")
