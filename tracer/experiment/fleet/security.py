"""TLS with certificates on both sides, which everything off this machine needs: whoever reaches a
Dask scheduler can run code on its workers, and these are root."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from pathlib import Path
from typing import Any

from tracer.errors import TracerError

#: The files of a directory of `--tls`.
CA, CERTIFICATE, KEY = "ca.pem", "cert.pem", "key.pem"
_MAKE = "docs/fleet.md shows how to make certificates"


def is_loopback(host: str) -> bool:
    """Whether a name or address is of this machine alone; what cannot be resolved is not."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host.strip("[]"), None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(one)).is_loopback for one in found)


def checked_address(address: str, tls: str | None) -> str:
    """The scheduler's address with its scheme; TracerError (exit status 2) where it needs TLS and
    has none, or is malformed."""
    scheme, _, rest = address.rpartition("://")
    host, _, port = rest.rpartition(":")
    if scheme not in ("", "tcp", "tls") or not host or not port.isdecimal():
        raise TracerError(
            f"{address!r} is not the address of a scheduler",
            "tls://HOST:8786, or 127.0.0.1:8786 on this machine",
            exit_code=2,
        )
    scheme = scheme or ("tls" if tls else "tcp")
    if scheme == "tls" and tls is None:
        raise TracerError(
            f"{address} asks for TLS, and no certificate is given",
            f"--tls DIR, with {CA}, {CERTIFICATE} and {KEY}: {_MAKE}",
            exit_code=2,
        )
    if scheme == "tcp" and tls is not None:
        raise TracerError(f"{address} is without TLS", f"tls://{rest}", exit_code=2)
    if scheme == "tcp" and not is_loopback(host):
        raise TracerError(
            f"{address} is off this machine and without TLS: whoever reaches such a scheduler can"
            " run programs on its workers, which are root",
            f"certificates on both sides are required: tls://{rest} --tls DIR; {_MAKE}. Without an"
            " engine: ssh HOST tracer explain pinning --json -, then tracer explain --from *.json",
            exit_code=2,
        )
    return f"{scheme}://{rest}"


def security(tls: str | None) -> Any:
    """What Dask's parts need for TLS with the files of a directory; None without one.

    TracerError (exit status 2) where one cannot be used.
    """
    from distributed.security import Security

    if tls is None:
        return None
    ca, certificate, key = (str(Path(tls) / name) for name in (CA, CERTIFICATE, KEY))
    for path in (ca, certificate, key):
        if not os.access(path, os.R_OK):
            raise TracerError(
                f"--tls {tls}: {Path(path).name} is missing, or may not be read", _MAKE, exit_code=2
            )
    both = {
        f"tls_{role}_{part}": path
        for role in ("client", "worker", "scheduler")
        for part, path in (("cert", certificate), ("key", key))
    }
    made = Security(tls_ca_file=ca, require_encryption=True, **both)
    try:
        made.get_connection_args("client")
    except ssl.SSLError as error:
        raise TracerError(
            f"--tls {tls}: these files are no certificate with its key: {error.reason or error}",
            _MAKE,
            exit_code=2,
        ) from None
    return made
