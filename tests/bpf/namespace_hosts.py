"""Hosts for tests of many: network namespaces on a bridge, with certificates of their own."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import descendants, is_gone, until
from programs import ROOT, TRACER, need

#: A change of the version, as another tracer would have it.
OTHER_VERSION = (
    sys.executable,
    "-c",
    "import tracer, sys; tracer.__version__ = '9.9'; sys.argv[0] = 'tracer'\n"
    "from tracer.cli.main import main; main()",
)
#: As an ordinary user, who may not load BPF programs.
WITHOUT_RIGHTS = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


def write_certificates(directory: Path, *names: str) -> None:
    """A certificate authority, and for each name a directory with ca.pem, cert.pem, key.pem."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.now(datetime.timezone.utc)

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def signed(name: str, key: Any, by: Any, *, is_ca: bool) -> bytes:
        made = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(by, hashes.SHA256())
        )
        return bytes(made.public_bytes(serialization.Encoding.PEM))

    authority = ec.generate_private_key(ec.SECP256R1())
    ca = signed("authority", authority, authority, is_ca=True)
    for name in names:
        key = ec.generate_private_key(ec.SECP256R1())
        place = directory / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "ca.pem").write_bytes(ca)
        (place / "cert.pem").write_bytes(signed(name, key, authority, is_ca=False))
        (place / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass
class Hosts:
    """Namespaces `h1`, `h2`, ... with a scheduler outside of them; workers by the host's name."""

    directory: Path
    certificates: Path
    names: Sequence[str]
    prefix: str
    network: str
    port: int = 0
    scheduler: subprocess.Popen[str] | None = None
    workers: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    begun: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tls://{self.network}.1:{self.port}"

    @property
    def tls(self) -> tuple[str, str]:
        return ("--tls", str(self.certificates))

    def start_scheduler(self) -> None:
        """On the port it had before, if it had one."""
        file = self.directory / "scheduler.json"
        file.unlink(missing_ok=True)
        tls = self.certificates
        words = ["--host", f"{self.network}.1", "--port", str(self.port), "--protocol", "tls"]
        words += ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
        words += ["--scheduler-file", str(file), "--tls-ca-file", f"{tls}/ca.pem"]
        words += ["--tls-cert", f"{tls}/cert.pem", "--tls-key", f"{tls}/key.pem"]
        with (self.directory / "scheduler.log").open("a") as log:
            self.scheduler = subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_scheduler", *words],
                stdout=log, stderr=log, text=True,
                env={**os.environ, "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]"},
            )  # fmt: skip
        until(file.exists, 60)
        until(lambda: bool(file.read_text().strip()), 10)
        self.port = int(json.loads(file.read_text())["address"].rpartition(":")[2])

    def stop_scheduler(self) -> None:
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait()

    def inside(self, name: str, *words: str) -> list[str]:
        """The command that runs words in a host."""
        return ["nsenter", f"--net=/run/netns/{self.prefix}{name}", *words]

    def start_worker(
        self, name: str, program: Sequence[str] = TRACER, before: Sequence[str] = (),
        tls: Path | None = None,
    ) -> subprocess.Popen[str]:  # fmt: skip
        """Start the worker of a host; returns once the scheduler has it."""
        certificates = self.certificates if tls is None else tls
        words = [*before, *program, "worker", self.address, "--tls", str(certificates)]
        with self.log(name).open("w") as log:
            self.workers[name] = subprocess.Popen(
                self.inside(name, *words, "--name", name), cwd=ROOT, stderr=log, text=True,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            )  # fmt: skip
        if tls is None:
            until(lambda: f"{name} serves" in self.log(name).read_text(), 60)
        return self.workers[name]

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def stop_worker(self, name: str) -> None:
        self.workers[name].terminate()
        self.workers.pop(name).wait(30)

    def link(self, name: str, state: str) -> None:
        """Set the cable of a host `up` or `down`."""
        _ip("link", "set", f"{self.prefix}{name}", state)

    def ask(self, state: Path, *words: str, status: int = 0) -> Mapping[str, Any]:
        """The document of an experiment on these hosts."""
        running = self.begin(state, *words)
        return self.end(running, status)

    def begin(self, state: Path, *words: str) -> subprocess.Popen[str]:
        first, *others = words
        command = [*TRACER, first, "--on", self.address, *self.tls, "--json", "-", *others]
        self.begun.append(
            subprocess.Popen(
                command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={**os.environ, "XDG_STATE_HOME": str(state)},
            )
        )  # fmt: skip
        return self.begun[-1]

    def end(self, running: subprocess.Popen[str], status: int = 0) -> Mapping[str, Any]:
        out, err = running.communicate(timeout=400)
        assert running.returncode == status, err
        assert "Traceback" not in err, err
        document: Mapping[str, Any] = json.loads(out)
        return document

    def measuring(self, *names: str) -> tuple[str, list[int]]:
        """Wait until the worker of one of these hosts runs a workload: the host's name, and all
        processes below its worker then."""
        found: list[tuple[str, list[int]]] = []

        def is_measuring() -> bool:
            below = [(name, descendants(self.workers[name].pid)) for name in names]
            found[:] = [one for one in below if any("brigade" in _program(p) for p in one[1])]
            return bool(found)

        until(is_measuring)
        return found[0]


def _program(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/exe").readlink().name
    return ""


@contextlib.contextmanager
def hosts(directory: Path, *names: str) -> Iterator[Hosts]:
    """Namespaces with a scheduler and no worker yet; all removed after."""
    need("ip", "nsenter", "setpriv")
    number = os.getpid()
    prefix, network = f"tf{number % 10000}", f"10.{200 + number % 50}.{number // 50 % 250}"
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tracer-hosts-")))
        place.chmod(0o755)  # a worker without rights reads them too
        write_certificates(place, "certificates")
        made = Hosts(directory, place / "certificates", names, prefix, network)
        bridge = f"{prefix}br"
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "del", bridge)
        _ip("addr", "add", f"{network}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for n, name in enumerate(names, 11):
            space = f"{prefix}{name}"
            _ip("netns", "add", space)
            stack.callback(_ip, "netns", "del", space)
            _ip("link", "add", space, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", space, "master", bridge, "up")
            _ip("-n", space, "addr", "add", f"{network}.{n}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _ip("-n", space, "link", "set", device, "up")
        try:
            made.start_scheduler()
            yield made
        finally:
            left = [*made.begun, *made.workers.values()]
            left += [made.scheduler] if made.scheduler else []
            below = [pid for process in left for pid in descendants(process.pid)]
            for process in left:
                process.kill()
                process.wait()
            deadline = time.monotonic() + 20
            assert all(is_gone(pid, max(deadline - time.monotonic(), 0.1)) for pid in below)
