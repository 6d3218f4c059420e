"""`attach --openmetrics`: where it listens, and what is refused before anything starts."""

from __future__ import annotations

import socket
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tracer.cli import _metrics
from tracer.cli.attach import command
from tracer.errors import TracerError


@pytest.fixture(autouse=True)
def _not_attached(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it was attached")

    monkeypatch.setattr("tracer.experiment.one.trace_processes", refuse)
    yield


def _attach(*words: str) -> Result:
    return CliRunner().invoke(command, ["-p", "1", "--interval", "1", *words])


def _address(text: str) -> tuple[str, int]:
    (option, _public) = _metrics.options()
    value: tuple[str, int] = option.type.convert(text, option, None)
    return value


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("localhost:9464", ("localhost", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("10.0.0.7:80", ("10.0.0.7", 80)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert _address(text) == address


@pytest.mark.parametrize("text", ["", "localhost", "::1:9464", "a:b", "1:70000", "1:-3", "1:٣"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(click.UsageError):
        _address(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", socket.gethostname()])
def test_other_hosts_are_let_in_only_on_demand(host: str) -> None:
    try:
        found = socket.getaddrinfo(host.strip("[]"), 0)
    except OSError:
        pytest.skip("this host has no address by its name")
    if all(str(one[4][0]).startswith(("127.", "::1")) for one in found):
        pytest.skip("this host's name is one of the loopback")
    error = _attach("--openmetrics", f"{host}:0").exception
    assert isinstance(error, TracerError) and error.exit_code == 2
    assert "other hosts could read" in error.message and "--openmetrics-public" in error.hint


def test_a_port_in_use_is_refused_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = _attach("--openmetrics", str(port)).exception
    assert isinstance(error, TracerError) and error.exit_code == 2
    assert error.message == f"cannot listen at 127.0.0.1:{port}: Address already in use"
    assert f"sport = :{port}" in error.hint


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_that_is_not_this_hosts(host: str) -> None:
    error = _attach("--openmetrics", f"{host}:9464", "--openmetrics-public").exception
    assert isinstance(error, TracerError) and error.exit_code == 2
    assert error.message.startswith(f"cannot listen at {host}:9464: ")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    error = _attach("--openmetrics", "0").exception
    assert isinstance(error, TracerError) and "needs prometheus_client" in error.message
    assert "metrics" in error.hint or "prometheus" in error.hint


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-p", "1", "--openmetrics", "0"], "give --interval S too"),
        (["-p", "1", "--interval", "1", "--openmetrics-public"], "give --openmetrics too"),
    ],
)
def test_options_that_do_not_fit(words: list[str], why: str) -> None:
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 2 and why in " ".join(result.output.split())


def test_it_answers_as_long_as_it_lasts() -> None:
    said: list[str] = []
    values: dict[str, Any] = {
        "openmetrics": ("127.0.0.1", 0),
        "openmetrics_public": False,
        "who": ("nginx",),
        "numbers": ((7, 8),),
        "cgroup": None,
        "unit": "x.service",
        "container": None,
    }
    with _metrics.serving(values, said.append) as metrics:
        assert metrics is not None
        address = said[0].removeprefix("metrics at ")
        with urllib.request.urlopen(address) as answer:
            text = answer.read().decode()
    assert 'target="nginx 7 8 x.service"' in text and "tracer_windows_total 0.0" in text
    with pytest.raises(OSError), urllib.request.urlopen(address, timeout=1):
        pass
