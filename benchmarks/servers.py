"""What tracer costs real servers under load generators: throughput, CPU per operation."""

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

from benchmarks.bystanders import attached_to
from benchmarks.conditions import Measured, RunResult, measure
from benchmarks.floor import Floor
from benchmarks.memcached import Memcached
from benchmarks.peers import PEERS
from benchmarks.result import Options, Result, with_interval
from benchmarks.subject import last_cpu
from tracer import probes
from tracer.analysis.statistics.intervals import Ratio, paired_ratio
from tracer.analysis.statistics.wording import interval_name
from tracer.errors import TracerError
from tracer.host.processes import descendants, stat_fields
from tracer.kernel.engine import Engine

NAME = "servers"
UNTRACED, FLOOR, TRACED, LIGHT = "untraced", "empty programs", "tracer", "tracer, --light"
BPFTRACE = "bpftrace"
#: To empty programs on the same tracepoints: CPU per operation at most, throughput at least.
MOST_CPU, LEAST_THROUGHPUT = 1.10, 0.95
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
    folder, to start it, to load it for some seconds, and the rate in what the generator prints."""

    needs: Sequence[str]
    package: str
    server: Callable[[Place], Sequence[str]]
    load: Callable[[Place, float], Sequence[str]]
    rate: str
    prepare: Callable[[Place], None] = lambda _place: None
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


def _postgres_load(place: Place, seconds: float) -> Sequence[str]:
    where = ("-h", "127.0.0.1", "-p", str(place.port), "-U", "bench")
    return (place.commands["pgbench"], *where, "-n", "-S", "-c", "4", "-T",
            str(max(1, round(seconds))), "postgres")  # fmt: skip


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
            if program.as_user:
                where = ("-h", "127.0.0.1", "-p", str(self._place.port), "-U", "bench")
                _quietly((commands["pgbench"], *where, "-q", "-i", "postgres"), self._place)
        except TracerError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._server.pid

    def run(self) -> RunResult:
        """Wall time and the server's CPU time, of each operation, ns."""
        before_ns, began_ns = _cpu_ns(self.pid), time.monotonic_ns()
        said = _quietly(self._program.load(self._place, self._seconds), self._place)
        wall_ns, used_ns = time.monotonic_ns() - began_ns, _cpu_ns(self.pid) - before_ns
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


def _cpu_ns(pid: int) -> int:
    """CPU time of a process, of what it has forked, and of those of these that have ended, ns."""
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    fields = (stat_fields(f"/proc/{each}") for each in descendants([pid]))
    # utime, stime, cutime, cstime: fields 14 to 17 of proc_pid_stat(5), the first here is its third
    return tick_ns * sum(sum(map(int, found[11:15])) for found in fields if found)


@contextlib.contextmanager
def _served(title: str, seconds: float) -> Iterator[_Served | _Memcached]:
    with tempfile.TemporaryDirectory(prefix="tracer-bench-") as folder:
        if title.startswith("memcached"):
            if not _path("memcached"):
                raise TracerError("memcached is not installed (package memcached)")
            made: _Served | _Memcached = _Memcached(int(re.findall(r"\d+", title)[0]), seconds)
        else:
            program = PROGRAMS[title]
            if why := program.missing():
                raise TracerError(why)
            made = _Served(program, Path(folder), seconds)
        with contextlib.closing(made):
            yield made


TITLES = ("memcached, 1 client", "memcached, 8 clients", *PROGRAMS)


def _in(
    condition: contextlib.AbstractContextManager[None], run: Callable[[], RunResult]
) -> RunResult:
    with condition:
        return run()


def _measured(
    server: _Served | _Memcached, engines: Mapping[str, Engine], floor: Floor, options: Options
) -> Measured:
    conditions: dict[str, Callable[[], RunResult]] = {
        UNTRACED: server.run,
        FLOOR: lambda: _in(floor, server.run),
    }
    for label, engine in engines.items():
        conditions[label] = functools.partial(
            lambda engine: _in(attached_to(engine, server.pid), server.run), engine
        )
    peer = next(peer for peer in PEERS if peer.name == BPFTRACE)
    if not peer.missing():
        conditions[BPFTRACE] = lambda: _in(peer.running(), server.run)
    return measure(conditions, options.rounds, options.progress)


def _ratio(measured: Measured, label: str, base: str, key: str) -> Ratio | None:
    pairs = measured.blocks.paired(label, base)
    ours, theirs = ([float(pair[side].result[key]) for pair in pairs] for side in (0, 1))
    return paired_ratio(ours, theirs) if pairs else None


def _throughput(measured: Measured, label: str, base: str) -> Ratio | None:
    """Of one to that of the other: the times of an operation the other way round."""
    return _ratio(measured, base, label, "ns_per_unit")


def _verdict(throughput: Ratio | None, cpu: Ratio | None) -> str:
    if throughput is None or cpu is None:
        return "-"
    if throughput.low >= LEAST_THROUGHPUT and cpu.high <= MOST_CPU:
        return "met"
    missed = throughput.high < LEAST_THROUGHPUT or cpu.low > MOST_CPU
    return "missed" if missed else "not clear"


def _rows(title: str, measured: Measured) -> Iterator[list[str]]:
    for label in (UNTRACED, FLOOR, TRACED, LIGHT, BPFTRACE):
        if label not in measured.labels:
            continue
        first = [title if label == UNTRACED else "", label]
        if label == UNTRACED:
            yield [*first, f"{1e9 / measured.ns_per_unit(label):,.0f} a second", "1", "", "", "-"]
            continue
        cells = [
            with_interval(_throughput(measured, label, UNTRACED)),
            with_interval(_ratio(measured, label, UNTRACED, "cpu_ns")),
        ]
        if label == FLOOR:
            yield [*first, *cells, "", "", "-"]
            continue
        throughput = _throughput(measured, label, FLOOR)
        cpu = _ratio(measured, label, FLOOR, "cpu_ns")
        verdict = _verdict(throughput, cpu)
        yield [*first, *cells, with_interval(throughput), with_interval(cpu), verdict]


def run(options: Options) -> list[Result]:
    """One table."""
    rows: list[list[str]] = []
    data, below = {}, []
    seconds = max(options.run_ns / 1e9, 1.0) * 2
    with contextlib.ExitStack() as stack:
        options.progress.say(f"{NAME}: compiling")
        engines = {
            label: stack.enter_context(contextlib.closing(Engine(probes.DEFAULT, light)))
            for label, light in ((TRACED, False), (LIGHT, True))
        }
        floor = stack.enter_context(contextlib.closing(Floor(engines[TRACED].tracepoints)))
        for title in TITLES:
            try:
                with _served(title, seconds) as server:
                    measured = _measured(server, engines, floor, options)
            except TracerError as error:
                below.append(f"{title}: not measured: {error.message}")
                continue
            rows += _rows(title, measured)
            data[title] = measured.as_json()
    note = (
        f"The server is pinned to one CPU, its generator free to move; {options.rounds} blocks of"
        f" about {seconds:.0f} s runs; default probes, attached to the server alone. Medians;"
        f" ratios within each block [{interval_name(options.rounds)}]. The goal, to the floor:"
        f" throughput at least {LEAST_THROUGHPUT:.2f}, CPU time per operation at most"
        f" {MOST_CPU:.2f}."
    )
    columns = ["server", "condition", "throughput", "CPU per operation", "throughput to the floor",
               "CPU to the floor", "goal"]  # fmt: skip
    return [Result(NAME, note, columns, rows, {"servers": data}, left=2, below=below)]


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
