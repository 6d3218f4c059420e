"""Asks hosts for their blocks, one at a time each, until every host has given all or is given up.

A block whose worker is lost is asked for again; only an answer that arrives counts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tracer.errors import TracerError


class EngineLostError(Exception):
    """The scheduler cannot be reached now."""


class AnswerLostError(Exception):
    """The worker went away before its answer arrived."""


class Pending(Protocol):
    """A request under way."""

    def is_done(self) -> bool:
        """Whether `result` is there."""

    def result(self) -> Any:
        """The answer, JSON data; AnswerLostError when there will be none, TracerError for a failure
        there."""

    def cancel(self) -> None:
        """It is of no use any more."""


class Engine(Protocol):
    """What carries requests to hosts. Both raise EngineLostError."""

    def workers(self) -> Mapping[str, str]:
        """The address of each host's worker, by the host's name."""

    def submit(self, address: str, request: str) -> Pending:
        """Send a request to the worker at an address."""


@dataclass
class _Host:
    """A host's requests, and what became of the one under way."""

    name: str
    left: deque[str]
    heard_s: float
    pending: Pending | None = None
    address: str = ""
    #: Where its last request went, if that was lost.
    lost: bool = False

    @property
    def is_open(self) -> bool:
        return bool(self.left)

    def drop(self, *, cancel: bool) -> None:
        """The request under way is lost; it is the first one again."""
        if self.pending is not None and cancel:
            self.pending.cancel()
        self.pending, self.lost = None, True


#: What is done with a host's answer: TracerError ends this host.
Keep = Callable[[str, Any], None]


@dataclass
class Gathering:
    """Hosts with their requests. `patience_s`: a host that gives no answer for so long is given up;
    `failed`: why, by host; `repeated`: how many requests of a host were lost and asked for again.
    """

    engine: Engine
    requests: Mapping[str, Sequence[str]]
    keep: Keep
    patience_s: float
    say: Callable[[str], None] = lambda _text: None
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    failed: dict[str, str] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)

    def run(self, look_s: float = 0.1) -> None:
        """Until no host has a request left. Leaving it by an exception cancels what is under
        way."""
        now = self.clock()
        hosts = [_Host(name, deque(texts), now) for name, texts in self.requests.items()]
        try:
            while any(host.is_open for host in hosts):
                self._look(hosts)
                self.pause(look_s)
        finally:
            for host in hosts:
                host.drop(cancel=True)

    def _look(self, hosts: Sequence[_Host]) -> None:
        """Take what has arrived, ask for what is next, give up who is silent for too long."""
        try:
            workers = self.engine.workers()
            for host in hosts:
                if host.is_open:
                    self._serve(host, workers.get(host.name))
        except EngineLostError:
            workers = None
            for host in hosts:
                if host.pending is not None:
                    self._lose(host, "the scheduler is gone", cancel=False)
        for host in hosts:
            if host.is_open and self.clock() - host.heard_s > self.patience_s:
                self._give_up(host, self._why(host, workers))

    def _why(self, host: _Host, workers: Mapping[str, str] | None) -> str:
        silent = f"nothing came from it for {self.patience_s:g} s"
        if workers is None:
            return f"{silent}: the scheduler cannot be reached"
        if host.name not in workers:
            return f"{silent}: its worker is gone, or cut off"
        return f"{silent}: it is slow, or another worker measures there"

    def _serve(self, host: _Host, address: str | None) -> None:
        if host.pending is not None and host.pending.is_done():
            self._take(host, host.pending)
        if host.pending is not None and address != host.address:
            self._lose(host, "its worker is gone")
        if host.is_open and host.pending is None and address is not None:
            if host.lost:
                host.lost, host.heard_s = False, self.clock()
                self.repeated[host.name] = self.repeated.get(host.name, 0) + 1
            host.address = address
            host.pending = self.engine.submit(address, host.left[0])

    def _take(self, host: _Host, pending: Pending) -> None:
        try:
            self.keep(host.name, pending.result())
        except AnswerLostError:
            self._lose(host, "its answer was lost on the way")
            return
        except TracerError as error:
            self._give_up(host, error.message + (f" ({error.hint})" if error.hint else ""))
            return
        host.pending, host.heard_s = None, self.clock()
        host.left.popleft()

    def _lose(self, host: _Host, why: str, *, cancel: bool = True) -> None:
        self.say(f"{host.name}: {why}; what it was asked for is asked again when it is back")
        host.drop(cancel=cancel)

    def _give_up(self, host: _Host, why: str) -> None:
        self.failed[host.name] = why
        host.drop(cancel=True)
        host.left.clear()
