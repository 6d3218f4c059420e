"""The bucket brigade of async tasks, in Python: asyncio, on one thread."""

from __future__ import annotations

import asyncio
import os
import time

from workloads.python.control import Control, raise_open_files
from workloads.python.options import Options, compute, fail, parse, row


class Reader:
    """Bytes from a descriptor; a read that finds none waits for the event loop.

    The descriptor stays registered, as tokio's do. The loop is level-triggered, so the byte is
    read when the loop reports it: if the task read it later, the loop would report it again.
    """

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.loop = asyncio.get_running_loop()
        self.waiter: asyncio.Future[bytes] | None = None
        self.loop.add_reader(fd, self._arrived)

    def _arrived(self) -> None:
        if self.waiter is None:
            return
        try:
            byte = os.read(self.fd, 1)
        except BlockingIOError:
            return  # the task has read this byte already, and waits for the next one
        self.waiter.set_result(byte)
        self.waiter = None

    async def read(self) -> bytes:
        """One byte; empty at the end of the input."""
        try:
            return os.read(self.fd, 1)
        except BlockingIOError:
            self.waiter = self.loop.create_future()
            return await self.waiter

    def close(self) -> None:
        """Take the descriptor out of the loop and close it."""
        self.loop.remove_reader(self.fd)
        os.close(self.fd)


async def pass_on(upstream: Reader, downstream: int, work: int) -> None:
    """One member of the brigade, until its input ends; then it ends its neighbours' input."""
    try:
        while byte := await upstream.read():
            if work:
                compute(work)
            os.write(downstream, byte)
    finally:
        upstream.close()
        os.close(downstream)


async def trip(front: int, back: Reader, tokens: int) -> int:
    """Send the bytes through; returns how long it took, ns."""
    start = time.perf_counter_ns()
    for _ in range(tokens):
        os.write(front, b"*")
    for _ in range(tokens):
        if not await back.read():
            fail("a task of the brigade ended too early")
    return time.perf_counter_ns() - start


async def run(options: Options, control: Control) -> None:
    """The whole run. A write never waits: a joint holds all the bytes in flight."""
    front, last, members = row(options)
    back = Reader(last)
    tasks = [
        asyncio.create_task(pass_on(Reader(upstream), downstream, options.work))
        for upstream, downstream in members
    ]
    times = [0] * options.iters
    for _ in range(options.warmups):
        await trip(front, back, options.tokens)
    control.begin()
    for number in range(options.iters):
        times[number] = await trip(front, back, options.tokens)
    measured = control.end()
    os.close(front)
    await asyncio.gather(*tasks)
    back.close()
    control.report(options, times, measured)


if __name__ == "__main__":
    chosen = parse("async-brigade (Python)")
    raise_open_files()
    asyncio.run(run(chosen, Control()))
