"""`tracer.trace` without a kernel: what is refused, and with which words."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

import pytest

import tracer
from tracer.api import helper, tracing
from tracer.api.channel import Channel, Loaded, Stop
from tracer.errors import TracerError


class _Window:
    """In the place of a window of a helper."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def open(self) -> None:
        self.log.append("open")

    def close(self) -> None:
        self.log.append("close")

    def summary(self, units: int | None) -> Any:
        self.log.append(f"summary {units}")
        raise TracerError("no summary here")


class _Helper:
    def __init__(self) -> None:
        self.window = _Window()
        self.wanted: list[Any] = []

    def attach(self, wanted: Any) -> Any:
        self.wanted.append(wanted)
        return self.window


def _trace(stand_in: _Helper, *pids: int, units: int | None = None) -> tracer.Trace:
    shared: Any = stand_in
    return tracer.Trace(tracing.tracing_of(None, False, 3), pids, units=units, helper=shared)


def test_a_block_is_opened_and_closed_once() -> None:
    stand_in = _Helper()
    t = _trace(stand_in, units=3)
    with pytest.raises(TracerError, match="no summary here"), t:
        assert stand_in.window.log == ["open"]
        t.units_done = 7
    assert stand_in.window.log == ["open", "close", "summary 7"]
    (wanted,) = stand_in.wanted
    assert wanted.pids == (os.getpid(),) and wanted.path_of == str(threading.get_native_id())
    with pytest.raises(TracerError, match="used for a block already"):
        t.__enter__()


def test_another_process_has_the_path_of_its_busiest_thread() -> None:
    stand_in = _Helper()
    with pytest.raises(TracerError), _trace(stand_in, 12, 13):
        pass
    assert stand_in.wanted[0].pids == (12, 13) and stand_in.wanted[0].path_of == "busiest"


def test_what_ended_the_block_is_not_hidden() -> None:
    with pytest.raises(KeyError), _trace(_Helper()):
        raise KeyError(1)


def test_blocks_do_not_nest_in_any_thread() -> None:
    outer, inner, said = _Helper(), _Helper(), []

    def nested() -> None:
        try:
            _trace(inner).__enter__()
        except TracerError as error:
            said.append(error)

    with pytest.raises(KeyError), _trace(outer):
        nested()
        thread = threading.Thread(target=nested)
        thread.start()
        thread.join()
        raise KeyError
    assert len(said) == 2 and all("cannot be nested" in error.message for error in said)
    assert "MainThread" in said[1].message and not inner.wanted
    with pytest.raises(TracerError, match="no summary"), _trace(inner):
        pass  # it is free again


def test_a_forked_child_leaves_the_block_without_ending_it() -> None:
    stand_in = _Helper()
    with pytest.raises(KeyError), _trace(stand_in) as t:
        pid = os.fork()
        if not pid:
            status = 1
            try:
                t.__exit__(None, None, None)
                status = 0 if stand_in.window.log == ["open"] else 2
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        raise KeyError
    assert stand_in.window.log[:2] == ["open", "close"]


def test_a_report_is_read_after_the_block() -> None:
    t = tracer.trace()
    assert repr(t) == "<tracer.Trace: nothing was traced yet>" and t._repr_html_() is None
    with pytest.raises(TracerError, match="nothing was traced yet"):
        _ = t.ledger
    stand_in = _trace(_Helper())
    with pytest.raises(TracerError, match="no summary"), stand_in:
        assert "has not ended yet" in repr(stand_in)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"probes": "shed"}, "unknown probe 'shed'"),
        ({"probes": ["sched", "what"]}, "unknown probe 'what'"),
        ({"probes": "+stacks", "light": True}, "samples where system calls are seen"),
        ({"pid": []}, "names no process"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(TracerError, match=why):
        tracer.trace(**arguments)


def test_call_is_not_about_another_process() -> None:
    with pytest.raises(TracerError, match="about that process"):
        tracer.trace(pid=1).call(print)


def test_without_rights_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracer.host.user.os.geteuid", lambda: 1000)
    monkeypatch.setattr("tracer.host.user.has_capability", lambda _name: False)
    with pytest.raises(tracer.CannotTraceError, match="needs root's rights") as caught:
        helper.require_tracing()
    assert caught.value.hint.startswith("start it as root: sudo ")
    with pytest.raises(tracer.CannotTraceError), tracer.trace():
        raise AssertionError("the block has begun")
    with pytest.raises(tracer.CannotTraceError), tracer.trace():  # and nothing is left open
        pass


def test_a_helper_that_ends_early_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "require_tracing", lambda: None)
    monkeypatch.setattr(helper, "_start", lambda _descriptor: None)  # nobody at the other end
    with pytest.raises(tracer.CannotTraceError, match="helper process of tracer has ended early"):
        tracer.trace().__enter__()


def test_an_interpreter_that_does_not_know_its_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "require_tracing", lambda: None)
    monkeypatch.setattr("sys.executable", "")
    with pytest.raises(tracer.CannotTraceError, match=r"sys\.executable"):
        tracer.trace().__enter__()
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(tracer.CannotTraceError, match="exit status 1"):
        tracer.trace().__enter__()


# ---- the socket ----


def test_messages_and_descriptors_pass_the_channel() -> None:
    one, other = map(Channel, socket.socketpair())
    readable, writable = os.pipe()
    one.send(Stop(5), writable)
    assert other.receive() == Stop(5)
    passed = other.receive_fd()
    os.write(passed, b"x")
    assert os.read(readable, 1) == b"x" and not os.get_inheritable(passed)
    one.send(Loaded())
    one.close()
    assert other.receive() == Loaded()
    with pytest.raises(EOFError):
        other.receive()
    with pytest.raises(EOFError):
        other.send(Stop(None))
    for fd in (readable, writable, passed):
        os.close(fd)
    other.close()


def test_settings_are_mapped_member_by_member() -> None:
    fd = os.memfd_create("settings")
    os.truncate(fd, 4096)
    seen = os.dup(fd)
    places = {"phase": (0, 4), "start_ns": (8, 8)}
    settings = helper.SharedSettings(fd, places)
    settings["phase"], settings["start_ns"] = 2, 1 << 40
    settings["start_ns"] += 3
    assert (settings["phase"], settings["start_ns"]) == (2, (1 << 40) + 3)
    assert os.pread(seen, 16, 0) == b"\2" + bytes(7) + ((1 << 40) + 3).to_bytes(8, "little")
    os.close(seen)
