"""Requests to hosts by Dask distributed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tracer.capture.child import die_with_parent
from tracer.errors import TracerError
from tracer.experiment.fleet.gathering import AnswerLostError, EngineLostError
from tracer.experiment.fleet.remote import answer, value_in
from tracer.experiment.fleet.security import CA, CERTIFICATE, KEY, checked_address, security
from tracer.host.installation import installation, not_installed

#: Workers have this resource, one each: a request takes it.
RESOURCE = "tracer"
_CONNECT_S, _START_S, _RESULT_S = 30.0, 60.0, 60.0
#: The scheduler is asked for its workers so often.
_FRESH_S = 0.5


def import_distributed() -> Any:
    """The module, its messages silenced: what happens is told by tracer. TracerError (exit status
    2) where it is not installed."""
    try:
        import distributed
    except ImportError as error:
        raise not_installed("many hosts need", error.name, "fleet") from None
    for name in ("distributed", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed


class _Future:
    """A request under way, as Dask has it."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def is_done(self) -> bool:
        return bool(self._future.done())

    def result(self) -> Any:
        from concurrent.futures import CancelledError

        from distributed.scheduler import KilledWorker

        try:
            text = str(self._future.result(timeout=_RESULT_S))
        except (CancelledError, KilledWorker, OSError, asyncio.TimeoutError):
            raise AnswerLostError from None
        except Exception as error:
            raise TracerError(f"its worker failed: {type(error).__name__}: {error}") from None
        return value_in(text)

    def cancel(self) -> None:
        with contextlib.suppress(Exception):  # the scheduler may be gone
            self._future.cancel()


class DaskEngine:
    """A connection to a scheduler, which is made anew when it was lost; use as a context manager.

    TracerError when there is none at first.
    """

    def __init__(self, address: str, secured: Any = None) -> None:
        self._address, self._security = address, secured
        self._numbers = itertools.count()
        self._client: Any = None
        self._workers: Mapping[str, str] = {}
        self._looked_s = -math.inf
        try:
            self._connect()
        except EngineLostError as error:
            raise TracerError(
                f"no scheduler answers at {address}: {error}",
                "start one (docs/fleet.md), or try on this machine: --on local:2",
            ) from None

    def _connect(self) -> None:
        from distributed import Client

        try:
            self._client = Client(
                self._address, security=self._security, timeout=_CONNECT_S, set_as_default=False
            )
        except (OSError, RuntimeError) as error:
            raise EngineLostError(str(error)) from None

    def workers(self) -> Mapping[str, str]:
        """Those of tracer, by their names; as they were a moment before."""
        if self._client.status == "closed":
            self._connect()
        if self._client.status != "running":
            raise EngineLostError
        if time.monotonic() - self._looked_s > _FRESH_S:
            # not Client.scheduler_info(): it keeps an old answer where it gets none
            try:
                info = self._client.sync(
                    self._client.scheduler.identity, callback_timeout=_RESULT_S
                )
            except (OSError, RuntimeError, asyncio.TimeoutError) as error:
                raise EngineLostError(str(error)) from None
            self._looked_s = time.monotonic()
            self._workers = {
                str(worker["name"]): address
                for address, worker in info["workers"].items()
                if RESOURCE in worker["resources"]
            }
        return self._workers

    def submit(self, address: str, request: str) -> _Future:
        """A request for one worker, which no other takes over."""
        key = f"tracer-{os.getpid()}-{next(self._numbers)}"
        try:
            future = self._client.submit(
                answer,
                request,
                key=key,
                workers=[address],
                allow_other_workers=False,
                resources={RESOURCE: 1},
                pure=False,
            )
        except (OSError, RuntimeError) as error:
            raise EngineLostError(str(error)) from None
        return _Future(future)

    def wait_for(self, number: int) -> Mapping[str, str]:
        """The workers, once there are so many, or after a minute those there are; without any
        TracerError."""
        deadline_s = time.monotonic() + (_START_S if number > 1 else _CONNECT_S)
        while len(found := self.workers()) < number and time.monotonic() < deadline_s:
            time.sleep(0.1)
        if not found:
            raise TracerError(
                f"no host has a worker at {self._address}",
                f"start one on each host, as root: tracer worker {self._address}",
            )
        return found

    def __enter__(self) -> DaskEngine:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            self._client.close(timeout=2)


@contextlib.contextmanager
def engine_at(on: str, tls: str | None) -> Iterator[DaskEngine]:
    """The engine that `--on` names: that of an address, or a scheduler with so many workers on this
    machine for `local:N`, ended with it.

    TracerError (exit status 2) for what cannot be used, and when nobody answers.
    """
    import_distributed()
    kind, _, count = on.partition(":")
    if kind != "local":
        with DaskEngine(checked_address(on, tls), security(tls)) as engine:
            engine.wait_for(1)
            yield engine
        return
    if not count.isdecimal() or not 1 <= int(count) <= 64 or tls is not None:
        raise TracerError(
            f"--on {on}" + (" takes no --tls" if tls is not None else ": how many workers?"),
            "--on local:2, or the address of a scheduler",
            exit_code=2,
        )
    with (
        tempfile.TemporaryDirectory(prefix="tracer-fleet-") as directory,
        _local(Path(directory), int(count)) as engine,
    ):
        yield engine


@contextlib.contextmanager
def _local(directory: Path, count: int) -> Iterator[DaskEngine]:
    """With certificates of its own, since any user of this machine can reach a port."""
    tls = str(directory)
    _write_certificates(directory)
    file = directory / "scheduler.json"
    words = ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    words += ["--protocol", "tls", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    words += ["--no-show", "--scheduler-file", str(file), "--tls-ca-file", f"{tls}/{CA}"]
    words += ["--tls-cert", f"{tls}/{CERTIFICATE}", "--tls-key", f"{tls}/{KEY}"]
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((directory / "log").open("wb"))
        scheduler = stack.enter_context(_started(words, log))
        address = _address_in(file, scheduler, directory / "log")
        for number in range(1, count + 1):
            name = ["--name", f"local-{number}"]
            words = ["-m", "tracer", "worker", address, "--tls", tls, *name]
            stack.enter_context(_started(words, log))
        engine = stack.enter_context(DaskEngine(address, security(tls)))
        engine.wait_for(count)
        yield engine


def _write_certificates(directory: Path) -> None:
    from distributed.security import Security

    try:
        made = Security.temporary()
    except ImportError:
        raise not_installed("--on local:N needs", "cryptography", "fleet") from None
    files = ((CA, "ca_file"), (CERTIFICATE, "client_cert"), (KEY, "client_key"))
    for name, part in files:
        (directory / name).write_text(getattr(made, f"tls_{part}"))  # the directory is ours alone


@contextlib.contextmanager
def _started(words: Sequence[str], log: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Python that ends with this one."""
    parent = os.getpid()
    process = subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env={**os.environ, "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]"},
        preexec_fn=lambda: die_with_parent(parent),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address_in(file: Path, scheduler: subprocess.Popen[bytes], log: Path) -> str:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and scheduler.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(file.read_bytes())["address"])
        time.sleep(0.05)
    said = (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
    raise TracerError(
        f"the scheduler on this machine did not start: {said}", installation().to_add("fleet")
    )
