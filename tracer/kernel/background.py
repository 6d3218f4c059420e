"""Work on a thread of its own, beside what a `with` holds."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TypeVar

_Self = TypeVar("_Self", bound="Background")


class Background(ABC):
    """`_run` goes on from `with` on to its end, when `_over` is set and the thread waited for."""

    def __init__(self, name: str) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def _run(self) -> None:
        """Return soon after `_over` is set."""

    def __enter__(self: _Self) -> _Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
