"""memcached on one CPU with its clients, and what a request costs it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tracer.errors import TracerError
from tracer.host.files import number_in

_START_S = 5.0
#: A client: one value is set, then asked for without end.
_CLIENT = """
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.sendall(b"set k 0 0 1\\r\\nv\\r\\n")
s.recv(4096)
while True:
    s.sendall(b"get k\\r\\n")
    s.recv(4096)
"""


@dataclass(frozen=True)
class Usage:
    """CPU time of the server's threads, ns, and requests so far."""

    cpu_ns: int
    requests: int

    def cpu_ns_per_request(self, before: Usage) -> float:
        return (self.cpu_ns - before.cpu_ns) / max(self.requests - before.requests, 1)


class Memcached:
    """The server on `cpu`, its clients on any other; TracerError when it does not start."""

    def __init__(self, cpu: int, clients: int = 1) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        where = ("-l", "127.0.0.1", "-p", str(self._port), "-U", "0", "-u", "root")
        self._server = subprocess.Popen(["taskset", "-c", str(cpu), "memcached", *where])
        self._control = self._connected()
        others = sorted(os.sched_getaffinity(0) - {cpu}) or [cpu]
        client = ["taskset", "-c", str(others[0]), sys.executable, "-c", _CLIENT, str(self._port)]
        self._clients = [subprocess.Popen(client) for _ in range(clients)]

    @property
    def pid(self) -> int:
        """The server's."""
        return self._server.pid

    def usage(self) -> Usage:
        """What it has used by now."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        cpu_ns = sum(number_in(task / "schedstat") or 0 for task in tasks)
        self._control.sendall(b"stats\r\n")
        text = b""
        while not text.endswith(b"END\r\n"):
            text += self._control.recv(65536)
        requests = next(line for line in text.splitlines() if line.startswith(b"STAT cmd_get "))
        return Usage(cpu_ns, int(requests.split()[2]))

    def close(self) -> None:
        """End them all."""
        self._control.close()
        for child in (*self._clients, self._server):
            child.kill()
            child.wait()

    def _connected(self) -> socket.socket:
        end_s = time.monotonic() + _START_S
        while time.monotonic() < end_s:
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", self._port))
            time.sleep(0.02)
        self._server.kill()
        self._server.wait()
        raise TracerError("memcached did not start")
