"""Probe waits on the real kernel: what descriptors are, who woke, how calls ended."""

from __future__ import annotations

import sys
from pathlib import Path

from programs import free_port, traced

TIMES, TIME_OUT_S, LATE_S = 3, 0.05, 0.1
PROGRAM = f"""
import os, socket, struct, sys, tempfile, threading, time
r, w = os.pipe()
threading.Thread(target=lambda: (time.sleep({LATE_S}), os.write(w, b"abc"))).start()
os.read(r, 9)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
client = socket.create_connection(server.getsockname())
limit = struct.pack("ll", 0, {TIME_OUT_S * 1e6:.0f})
client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
for _ in range({TIMES}):
    try:
        client.recv(1)
    except BlockingIOError:
        pass
one, other = socket.socketpair()
threading.Thread(target=lambda: (time.sleep({LATE_S}), other.send(b"x" * 100))).start()
one.recv(1000)
"""


def test_waits_with_known_answers(tmp_path: Path) -> None:
    port = free_port()
    document = traced(tmp_path, [sys.executable, "-c", PROGRAM, str(port)])
    rows = {
        (row["call"], on["text"]): row
        for row in document["waits"]["rows"]
        for on in row["descriptors"]
        if row["longest_ns"] >= 0.9 * TIME_OUT_S * 1e9
    }
    read = rows["read", "pipe"]
    assert (read["calls"], read["bytes"], read["outcome"]) == (1, 3, "done")
    assert read["ended_by"] == "process"
    received = rows["recvfrom", f"tcp 127.0.0.1:{port}"]
    assert (received["calls"], received["outcome"]) == (TIMES, "timed_out")
    assert received["ended_by"] == "timer" and received["least_ns"] >= 0.9 * TIME_OUT_S * 1e9
    local = rows["recvfrom", "unix socket"]
    assert (local["calls"], local["bytes"], local["ended_by"]) == (1, 100, "process")
    slept = [row for row in document["waits"]["rows"] if row["class"] == "sleep"]
    assert sum(row["calls"] for row in slept) == 2
    assert all(row["least_ns"] >= 0.99 * LATE_S * 1e9 for row in slept)
    assert document["waits"]["unplaced_calls"] == 0
    moved = {row["name"]: row["bytes"] for row in document["syscalls"]}
    assert moved["recvfrom"] == 100 and moved["sendto"] == 100
