"""Findings that rest on what the kernel does: each on a program made for it, and repaired."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from programs import traced

# A request in two writes: 8 of them wait for the delayed ACK, but for the first.
DELAYED = """
import os, socket, sys
listening = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:
    peer, _ = listening.accept()
    for _ in range(8):
        peer.recv(8, socket.MSG_WAITALL), peer.recv(100, socket.MSG_WAITALL)
        peer.sendall(b"ok")
    os._exit(0)
client = socket.create_connection(listening.getsockname())
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(sys.argv[1]))
for _ in range(8):
    client.sendall(b"x" * 8), client.sendall(b"x" * 100)
    client.recv(2)
os.wait()
"""
# Both threads of a pool wait for work at first, then sleep all the time.
POOL = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(int(sys.argv[1])) as pool:
    for _ in range(2):
        list(pool.map(time.sleep, [0.01, 0.01]))
        time.sleep(0.02)
    list(pool.map(time.sleep, 16 * [0.05]))
"""
# A ring with a polling thread (IORING_SETUP_SQPOLL), sq_thread_idle 2000 ms, which is woken once it
# sleeps, and gets no operation.
POLLING = """
import ctypes, struct, sys, time
flags = 2 * int(sys.argv[1])
setup = ctypes.create_string_buffer(struct.pack("=6I", 0, 0, flags, 0, 2000, 0), 120)
libc = ctypes.CDLL(None)
ring = libc.syscall(425, 8, setup)
time.sleep(0.1)
assert ring >= 0 and libc.syscall(426, ring, 0, 0, flags, 0, 0) == 0
time.sleep(0.5)
"""
# Two tasks of asyncio, one of which blocks the loop, or not.
ASYNCIO = """
import asyncio, sys, time
async def blocks():
    for _ in range(12):
        time.sleep(0.05)
        await asyncio.sleep(0)
async def yields():
    for _ in range(12):
        await asyncio.sleep(0.05)
async def main():
    await asyncio.gather(blocks() if int(sys.argv[1]) else yields(), yields())
asyncio.run(main())
"""


def found(directory: Path, program: str, argument: str) -> dict[str, Any]:
    document = traced(directory, [sys.executable, "-c", program, argument])
    return {one["id"]: one for one in document["findings"]}


def test_a_delayed_acknowledgement(tmp_path: Path) -> None:
    sentence = found(tmp_path, DELAYED, "0")["delayed_ack"]["sentence"]
    assert int(sentence.split()[0]) in range(4, 9), sentence
    assert "delayed_ack" not in found(tmp_path, DELAYED, "1")


def test_a_pool_whose_threads_all_sleep(tmp_path: Path) -> None:
    sentence = found(tmp_path, POOL, "2")["pool_exhausted"]["sentence"]
    assert sentence.startswith("all 2 pool threads of "), sentence
    assert "pool_exhausted" not in found(tmp_path, POOL, "16")


def test_a_task_of_asyncio_that_blocks_its_loop(tmp_path: Path) -> None:
    """Known without stacks: the thread that asks epoll sleeps in another call."""
    blocked = found(tmp_path, ASYNCIO, "1")
    sentence = blocked["executor_blocked"]["sentence"]
    assert sentence.startswith("the event loop of "), sentence
    assert " was blocked in clock_nanosleep: 12 times, " in sentence
    assert "sleep" not in blocked
    assert "executor_blocked" not in found(tmp_path, ASYNCIO, "0")


def test_a_ring_that_is_polled_for_nothing(tmp_path: Path) -> None:
    assert "thread iou-sqp-" in found(tmp_path, POLLING, "1")["busy_polling"]["sentence"]
    assert "busy_polling" not in found(tmp_path, POLLING, "0")
