"""A browser for the tests of this folder, started once; pages that must have no errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.browser import Opened, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens the text of a page; at the end nothing may have gone wrong in it, and nothing may have
    been loaded but the page itself."""
    opened: list[Opened] = []

    def open_page(text: str, **settings: Any) -> Any:
        file = tmp_path / f"page{len(opened)}.html"
        file.write_text(text)
        opened.append(Opened(browser, file, **settings))
        return opened[-1].page

    yield open_page
    for one in opened:
        one.context.close()
        assert one.errors == []
        assert len(one.loaded) == 1 and one.loaded[0].startswith("file:")
