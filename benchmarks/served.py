"""The servers of the benchmark: how each is started, loaded, and what an operation costs it."""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.conditions import RunResult
from benchmarks.memcached import Memcached
from benchmarks.subject import last_cpu
from benchmarks.usage import cpu_ns_of_tree
from tracer.errors import TracerError

_START_S = 20.0
_NGINX = """
worker_processes 1; daemon off; error_log stderr crit; pid {folder}/pid;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
"""


def _path(command: str) -> str | None:
    folders = os.environ["PATH"].split(":")
    folders += ["/usr/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin")))]
    return shutil.which(command, path=":".join(folders))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass(frozen=True)
class Place:
    """Where a server keeps its files and listens, and whose process it is to be."""

    folder: Path
    port: int
    commands: Mapping[str, str]
    user: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """A server and its generator: the commands that both need, their package, how to prepare the
    folder, to start it, to fill it once it answers and to load it for some seconds, and the rate in
    what the generator prints."""

    needs: Sequence[str]
    package: str
    server: Callable[[Place], Sequence[str]]
    load: Callable[[Place, float], Sequence[str]]
    rate: str
    prepare: Callable[[Place], None] = lambda _place: None
    fill: Callable[[Place], None] = lambda _place: None
    as_user: bool = False

    def missing(self) -> str:
        """Why it cannot be run here; empty where it can."""
        absent = [name for name in self.needs if not _path(name)]
        return f"{absent[0]} is not installed (package {self.package})" if absent else ""


def _redis(clients: int) -> Program:
    def load(place: Place, seconds: float) -> Sequence[str]:
        requests = int(seconds * (15_000 if clients == 1 else 60_000))
        words = (
            "-p",
            str(place.port),
            "-c",
            str(clients),
            "-n",
            str(requests),
            "-t",
            "get",
            "--csv",
        )
        return (place.commands["redis-benchmark"], *words)

    def server(place: Place) -> Sequence[str]:
        words = ("--port", str(place.port), "--save", "", "--dir", str(place.folder))
        return (place.commands["redis-server"], *words)

    needs = ("redis-server", "redis-benchmark")
    return Program(needs, "redis-server", server, load, r'"GET","([\d.]+)"')


def _nginx_prepared(place: Place) -> None:
    text = _NGINX.format(folder=place.folder, port=place.port)
    (place.folder / "nginx.conf").write_text(text)
    (place.folder / "index.html").write_text("x" * 512)


def _nginx_load(place: Place, seconds: float) -> Sequence[str]:
    url = f"http://127.0.0.1:{place.port}/index.html"
    return (place.commands["ab"], "-q", "-k", "-c", "8", "-t", str(max(1, round(seconds))),
            "-n", "10000000", url)  # fmt: skip


def _postgres_prepared(place: Place) -> None:
    data = str(place.folder / "data")
    for words in ((place.commands["initdb"], "-A", "trust", "-U", "bench", "-N", "-D", data),):
        _quietly((*place.user, *words), place)


def _postgres(place: Place) -> Sequence[str]:
    options = ("-D", str(place.folder / "data"), "-p", str(place.port), "-h", "127.0.0.1")
    return (place.commands["postgres"], *options, "-k", str(place.folder), "-c", "fsync=off")


def _pgbench(place: Place, *words: str) -> Sequence[str]:
    where = ("-h", "127.0.0.1", "-p", str(place.port), "-U", "bench")
    return (place.commands["pgbench"], *where, *words, "postgres")


def _postgres_filled(place: Place) -> None:
    _quietly(_pgbench(place, "-q", "-i"), place)


def _postgres_load(place: Place, seconds: float) -> Sequence[str]:
    return _pgbench(place, "-n", "-S", "-c", "4", "-T", str(max(1, round(seconds))))


PROGRAMS: Mapping[str, Program] = {
    "redis, 1 client": _redis(1),
    "redis, 16 clients": _redis(16),
    "nginx, 8 connections": Program(
        ("nginx", "ab"),
        "nginx-light, apache2-utils",
        lambda p: (p.commands["nginx"], "-c", str(p.folder / "nginx.conf"), "-p", str(p.folder)),
        _nginx_load,
        r"Requests per second:\s+([\d.]+)",
        _nginx_prepared,
    ),
    "PostgreSQL, select-only, 4 clients": Program(
        ("initdb", "postgres", "pgbench"),
        "postgresql",
        _postgres,
        _postgres_load,
        r"tps = ([\d.]+)",
        _postgres_prepared,
        _postgres_filled,
        as_user=True,
    ),
}


def _quietly(words: Sequence[str], place: Place) -> str:
    done = subprocess.run(words, capture_output=True, text=True, cwd=place.folder, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise TracerError(f"{Path(words[0]).name}: {''.join(last) or 'failed'}")
    return done.stdout


class _Served:
    """A server of that program on the last CPU; its generator is free to move."""

    def __init__(self, program: Program, folder: Path, seconds: float) -> None:
        user: tuple[str, ...] = ()
        if program.as_user:  # PostgreSQL refuses to be root
            owner = pwd.getpwnam("nobody")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            user = ("setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}",
                    "--clear-groups")  # fmt: skip
        commands = {name: path for name in program.needs if (path := _path(name))}
        self._place = Place(folder, _free_port(), commands, user)
        self._program, self._seconds = program, seconds
        program.prepare(self._place)
        pinned = ("taskset", "-c", str(last_cpu()), *user, *program.server(self._place))
        with (folder / "log").open("wb") as log:
            self._server = subprocess.Popen(pinned, stdout=log, stderr=log, cwd=folder)
        try:
            self._wait()
            program.fill(self._place)
        except TracerError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._server.pid

    def run(self) -> RunResult:
        """Wall time and the server's CPU time, of each operation, ns."""
        before_ns, began_ns = cpu_ns_of_tree(self.pid), time.monotonic_ns()
        said = _quietly(self._program.load(self._place, self._seconds), self._place)
        wall_ns, used_ns = time.monotonic_ns() - began_ns, cpu_ns_of_tree(self.pid) - before_ns
        rates = re.findall(self._program.rate, said)
        if not rates:
            raise TracerError(f"{self._program.needs[-1]} said no rate")
        rate = float(rates[-1])
        return {"ns_per_unit": 1e9 / rate, "cpu_ns": used_ns / (rate * wall_ns / 1e9)}

    def close(self) -> None:
        self._server.terminate()
        try:
            self._server.wait(_START_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def _wait(self) -> None:
        end_s = time.monotonic() + _START_S
        while time.monotonic() < end_s and self._server.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self._place.port)).close()
                return
            time.sleep(0.05)
        log = (self._place.folder / "log").read_text(errors="replace").strip().splitlines()
        raise TracerError(f"the server did not start: {''.join(log[-1:])}")


class _Memcached:
    """memcached with clients that wait for each answer."""

    def __init__(self, clients: int, seconds: float) -> None:
        self._server, self._seconds = Memcached(last_cpu(), clients), seconds

    @property
    def pid(self) -> int:
        return self._server.pid

    def run(self) -> RunResult:
        before, began_ns = self._server.usage(), time.monotonic_ns()
        time.sleep(self._seconds)
        after, wall_ns = self._server.usage(), time.monotonic_ns() - began_ns
        requests = max(after.requests - before.requests, 1)
        return {"ns_per_unit": wall_ns / requests, "cpu_ns": after.cpu_ns_per_request(before)}

    def close(self) -> None:
        self._server.close()


class Served(Protocol):
    """A server that runs, of which runs can be measured."""

    @property
    def pid(self) -> int: ...

    def run(self) -> RunResult:
        """Wall time (`ns_per_unit`) and the server's CPU time (`cpu_ns`) of each operation, ns."""
        ...

    def close(self) -> None: ...


def _memcached(clients: int, _folder: Path, seconds: float) -> Served:
    if not _path("memcached"):
        raise TracerError("memcached is not installed (package memcached)")
    return _Memcached(clients, seconds)


def _program(program: Program, folder: Path, seconds: float) -> Served:
    if why := program.missing():
        raise TracerError(why)
    return _Served(program, folder, seconds)


#: How each server is started in a folder, for runs of some seconds.
SERVERS: Mapping[str, Callable[[Path, float], Served]] = {
    "memcached, 1 client": functools.partial(_memcached, 1),
    "memcached, 8 clients": functools.partial(_memcached, 8),
    **{title: functools.partial(_program, program) for title, program in PROGRAMS.items()},
}


@contextlib.contextmanager
def served(title: str, seconds: float) -> Iterator[Served]:
    """That one of SERVERS; TracerError where it cannot be run here."""
    with (
        tempfile.TemporaryDirectory(prefix="tracer-bench-") as folder,
        contextlib.closing(SERVERS[title](Path(folder), seconds)) as made,
    ):
        yield made
