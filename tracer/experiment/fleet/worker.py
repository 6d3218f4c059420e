"""A worker that is made for measuring: one slot, no profiler, slow ticks, no port but its own."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

from tracer.experiment.fleet import remote
from tracer.experiment.fleet.dask_engine import RESOURCE, import_distributed
from tracer.experiment.fleet.security import checked_address, security

#: Seconds until the scheduler is looked for again.
_AGAIN_S, _CONNECT_S = 1.0, 10.0
#: What an idle worker does rarely, or not at all: it waits on the CPUs that are measured.
_SETTINGS = {
    "distributed.worker.profile.enabled": False,
    "distributed.worker.http.routes": [],
    "distributed.admin.tick.interval": "2s",
    "distributed.admin.tick.cycle": "30s",
    "distributed.admin.tick.limit": "60s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.comm.timeouts.connect": "10s",
    "distributed.comm.timeouts.tcp": "20s",
}
#: A scheduler asks for two a second while it has few workers.
_HEARTBEAT_S, _LOOK_S = 1.0, 5.0


def work(
    scheduler: str, name: str, tls: str | None, say: Callable[[str], None] = lambda _text: None
) -> None:
    """Serve a scheduler until a signal comes; when it is lost it is looked for again.

    TracerError (exit status 2) where its address needs TLS and has none.
    """
    import_distributed()
    import dask

    address, secured = checked_address(scheduler, tls), security(tls)
    said = ""
    with dask.config.set(_SETTINGS):
        while True:
            remote.serve()
            try:
                why = asyncio.run(_serve(address, name, secured, say))
            finally:
                remote.stop()
            if why != said:
                say(f"{why}; it is looked for again")
                said = why
            time.sleep(_AGAIN_S)


async def _serve(address: str, name: str, secured: Any, say: Callable[[str], None]) -> str:
    """Connect and serve; why it ended."""
    from distributed.comm import connect

    with tempfile.TemporaryDirectory(prefix="tracer-worker-") as directory:
        worker = _made(address, name, secured, directory)
        try:
            # asked once before: a worker that cannot connect tries for ever without a word
            comm = await connect(address, timeout=_CONNECT_S, **worker.connection_args)
            comm.abort()
            await worker
        except (OSError, ValueError, RuntimeError, asyncio.TimeoutError) as error:
            with contextlib.suppress(Exception):
                await worker.close(timeout=1, executor_wait=False)
            return _why_refused(address, name, error)
        say(f"{name} serves {address} (Ctrl-C ends it)")
        await worker.finished()
        return f"the scheduler {address} is gone"


def _why_refused(address: str, name: str, error: BaseException) -> str:
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    text = " ".join(str(one) for one in causes)
    if "name taken" in text:
        return f"the scheduler {address} has another worker of the name {name} (--name)"
    return f"the scheduler {address} cannot be reached: {str(causes[-1]) or type(error).__name__}"


def _made(address: str, name: str, secured: Any, directory: str) -> Any:
    from distributed import Worker

    class Measuring(Worker):  # type: ignore[misc]
        """Without a port for HTTP, and with rare callbacks."""

        def start_http_server(self, *_words: Any, **_more: Any) -> None:
            """None: not even that which Dask opens without a dashboard."""

        async def close(self, *words: Any, **more: Any) -> Any:
            """What runs for it ends first: Dask would wait for it."""
            await asyncio.to_thread(remote.stop)
            return await super().close(*words, **more)

        def handle_stimulus(self, *stimuli: Any) -> None:
            """What the experiment no longer waits for, or has ended without, ends: Dask would let
            it go on, and it would hold the host's lock."""
            super().handle_stimulus(*stimuli)
            if any(task.state == "cancelled" for task in self.state.executing):
                remote.abandon()

        async def heartbeat(self) -> None:
            await super().heartbeat()
            self.periodic_callbacks["heartbeat"].callback_time = 1000 * _HEARTBEAT_S

    loopback = address.startswith("tcp://")
    worker = Measuring(
        address,
        nthreads=1,
        name=name,
        resources={RESOURCE: 1},
        security=secured,
        host="127.0.0.1" if loopback else None,
        memory_limit=0,
        local_directory=directory,
        dashboard=False,
        death_timeout=None,
    )
    worker.periodic_callbacks["find-missing"].callback_time = 1000 * _LOOK_S
    return worker
