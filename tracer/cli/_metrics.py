"""`--openmetrics ADDRESS`: the metrics of a watched program, for Prometheus to scrape."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from tracer.cli._targets import GROUPS
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.report.openmetrics import Metrics

_LOOPBACK = "127.0.0.1"


class _Address(click.ParamType[tuple[str, int]]):
    """Where to listen: `9464`, `:9464`, `localhost:9464`, `[::1]:9464`."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        host, _, port = str(value).rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            self.fail(f"{value!r}: an IPv6 address stands in brackets, [::1]:9464", param, ctx)
        if not (port.isascii() and port.isdecimal() and int(port) < 1 << 16):
            self.fail(f"{value!r} is not an address such as 127.0.0.1:9464", param, ctx)
        return host or _LOOPBACK, int(port)


def options() -> list[click.Parameter]:
    """The options of `attach`; `serving` takes their values."""
    return [
        click.Option(
            ["--openmetrics"],
            type=_Address(),
            metavar="ADDRESS",
            help="With --interval: serve the windows as metrics for Prometheus at this port, 9464,"
            " or address and port; port 0: any that is free.",
        ),
        click.Option(
            ["--openmetrics-public"],
            is_flag=True,
            help="Allow an ADDRESS that other hosts reach: whoever does can read the metrics.",
        ),
    ]


@contextlib.contextmanager
def serving(values: Mapping[str, Any], say: Callable[[str], None]) -> Iterator[Metrics | None]:
    """Answer scrapes as long as the context lasts, from before anything is measured; None without
    `--openmetrics`.

    TracerError (exit status 2) for an address that is taken or not this host's, and for one that
    other hosts reach without `--openmetrics-public`.
    """
    if values["openmetrics"] is None:
        yield None
        return
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError:
        from tracer.host.installation import not_installed

        raise not_installed("--openmetrics needs", "prometheus_client", "metrics") from None
    from tracer.report.openmetrics import Metrics

    host, port = values["openmetrics"]
    _require_allowed(host, port, values["openmetrics_public"])
    registry, metrics = CollectorRegistry(), Metrics(_named(values))
    registry.register(metrics)
    try:
        server, _thread = start_http_server(port, host, registry)
    except (OSError, OverflowError) as error:
        raise _refused(host, port, error) from None
    try:
        say(f"metrics at http://{_shown(host, server.server_port)}/metrics")
        yield metrics
    finally:
        server.shutdown()
        server.server_close()


def _named(values: Mapping[str, Any]) -> str:
    """What the user named to be watched."""
    numbers = (pid for pids in values["numbers"] for pid in pids)
    groups = (values[name] for name in GROUPS if values[name])
    return " ".join(map(str, (*values["who"], *numbers, *groups)))


def _require_allowed(host: str, port: int, public: bool) -> None:
    """TracerError where other hosts would reach the address, unless that is wanted."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise _refused(host, port, error) from None
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if not public and not all(one.is_loopback for one in addresses):
        raise TracerError(
            f"other hosts could read the metrics at {_shown(host, port)}, and nobody would be asked"
            " for a password",
            f"to allow that: --openmetrics-public; for this host alone: --openmetrics {port}",
            exit_code=2,
        )


def _refused(host: str, port: int, error: Exception) -> TracerError:
    number = error.errno if isinstance(error, OSError) else None
    hint = "name an address of this host: --openmetrics 127.0.0.1:9464"
    if number == errno.EADDRINUSE:
        hint = f"another program listens there (ss -ltnp 'sport = :{port}'): name another port"
    elif number == errno.EACCES:
        hint = "ports below 1024 are root's: name another one"
    what = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return TracerError(f"cannot listen at {_shown(host, port)}: {what}", hint, exit_code=2)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
