"""What the path waited for outside the program: the disk, a peer on the same host, a timer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from programs import ROOT, traced

#: Writes and syncs 40 times; prints how long the syncs took by its own clock, ns.
SYNCS = """
import os, sys, time
fd, took = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY), 0
for _ in range(40):
    os.write(fd, bytes(65536))
    before = time.monotonic_ns()
    os.fdatasync(fd)
    took += time.monotonic_ns() - before
open(sys.argv[2], 'w').write(str(took))
os.unlink(sys.argv[1])
"""
#: Answers each byte 20 ms after it came, under a name of its own.
SERVER = """
import ctypes, socket, time
ctypes.CDLL(None).prctl(15, b'planted-peer', 0, 0, 0)
listening = socket.create_server(('127.0.0.1', 0))
print(listening.getsockname()[1], flush=True)
connection = listening.accept()[0]
while connection.recv(1):
    time.sleep(0.02)
    connection.send(b'x')
"""
CLIENT = """
import socket, sys
connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
for _ in range(12):
    connection.send(b'x')
    connection.recv(1)
"""
READY = ("wakeup:idle", "wakeup:queued", "preempted")


def assert_sums(document: Mapping[str, Any]) -> dict[str, int]:
    """What the path waited for sums to its sleeps exactly; it is returned."""
    wall = document["ledgers"]["wall"]
    parts, awaited = wall["parts"], dict(wall["awaited"])
    assert sum(awaited.values()) == sum(parts[p] for p in ("sleep", "timed_wait", "external"))
    return awaited


def test_a_sync_waits_for_the_disk(tmp_path: Path) -> None:
    """On the file system of the source, which is a real one: /tmp may be memory."""
    (ROOT / "build").mkdir(exist_ok=True)
    file, took = ROOT / "build" / "synced", tmp_path / "took"
    document = traced(tmp_path, [sys.executable, "-c", SYNCS, str(file), str(took)])
    awaited, own_ns = assert_sums(document), int(took.read_text())
    (call,) = (call for call in document["syscalls"] if call["name"] == "fdatasync")
    assert call["calls"] == 40
    parts = document["ledgers"]["wall"]["parts"]
    ready_ns = sum(parts[name] for name in READY)
    hidden_ns = 10_000_000 * sum(document["repairs"].values())
    assert awaited["disk"] >= 0.9 * own_ns - call["on_cpu_ns"] - ready_ns - hidden_ns
    waits = [wait for wait in document["outside_waits"] if wait["call"] == "fdatasync"]
    assert {wait["for"] for wait in waits} <= {"disk"}
    assert sum(wait["total_ns"] for wait in waits) <= own_ns


def test_a_peer_on_this_host_is_named(tmp_path: Path) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        document = traced(tmp_path, [sys.executable, "-c", CLIENT, port])
    finally:
        server.kill()
        server.communicate()
    awaited = assert_sums(document)
    waits = [wait for wait in document["outside_waits"] if wait["call"] == "recvfrom"]
    by_peer = [
        wait for wait in waits if wait["waker"] == {"pid": server.pid, "name": "planted-peer"}
    ]
    assert sum(wait["times"] for wait in by_peer) >= 10, waits
    assert {wait["for"] for wait in by_peer} == {"network"}
    assert awaited["network"] >= 10 * 19_000_000


def test_a_sleep_waits_for_a_timer(tmp_path: Path) -> None:
    document = traced(tmp_path, ["sleep", "0.3"])
    assert assert_sums(document)["timer"] >= 290_000_000
    (wait,) = (wait for wait in document["outside_waits"] if wait["call"] == "clock_nanosleep")
    assert (wait["for"], wait["waker"], wait["times"]) == ("timer", None, 1)


def test_who_waited_and_in_which_call(tmp_path: Path) -> None:
    """The same client: nearly all of its path is in its recv, where the peer is awaited."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        script = tmp_path / "client.py"
        script.write_text(CLIENT)
        document = traced(tmp_path, [sys.executable, str(script), port])
    finally:
        server.kill()
        server.communicate()
    who, window_ns = document["who"], document["window_ns"]
    assert sum(row["time_ns"] for row in who["rows"]) + who["unsampled_ns"] == window_ns
    (row,) = (row for row in who["rows"] if (row["process"] or "").endswith("client.py"))
    in_recv = [one for one in row["doing"] if one["call"] == "recvfrom" and one["awaited"]]
    assert {one["part"] for one in in_recv} == {"external"}
    total_ns = sum(one["time_ns"] for one in in_recv)
    external_ns = document["ledgers"]["wall"]["parts"]["external"]
    assert 6 * 19_000_000 <= total_ns <= external_ns
