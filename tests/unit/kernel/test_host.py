"""What a host can lack: each is an error that says what to do about it."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.host.requirements import is_too_old
from tracer.kernel import engine
from tracer.kernel.bcc import import_bcc
from tracer.kernel.btf import Btf


def test_missing_bcc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bcc", None)
    with pytest.raises(TracerError, match="cannot be imported") as caught:
        import_bcc()
    assert "python3-bpfcc" in caught.value.hint and "make setup" in caught.value.hint


def test_the_unrelated_bcc(monkeypatch: pytest.MonkeyPatch) -> None:
    other = types.ModuleType("bcc")
    other.__file__ = "/site-packages/bcc/__init__.py"
    monkeypatch.setitem(sys.modules, "bcc", other)
    with pytest.raises(TracerError, match="is not the BPF Compiler Collection") as caught:
        import_bcc()
    assert "pip uninstall bcc" in caught.value.hint


@pytest.mark.parametrize("release", ["5.11.0-generic", "4.19.3", "3.10.0-1160.el7"])
def test_an_old_kernel(monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    monkeypatch.setattr(engine.platform, "release", lambda: release)
    with pytest.raises(TracerError, match=f"{release} is too old") as caught:
        engine.Engine(())
    assert "5.12" in caught.value.message


@pytest.mark.parametrize("release", ["5.12.0", "6.1.0-13-amd64", "10.0"])
def test_a_new_enough_kernel(release: str) -> None:
    assert not is_too_old(release)


def test_no_type_information(tmp_path: Path) -> None:
    with pytest.raises(TracerError, match="no kernel type information") as caught:
        Btf.load(tmp_path / "vmlinux")
    assert "CONFIG_DEBUG_INFO_BTF" in caught.value.hint


def test_a_tracepoint_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Btf.tracepoints
    monkeypatch.setattr(Btf, "tracepoints", lambda self: kept(self) - {"sched_waking"})
    with pytest.raises(TracerError, match="no tracepoint sched_waking") as caught:
        engine.Engine(())
    assert "CONFIG_TRACEPOINTS" in caught.value.hint
