"""CPU lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.host import cpus as module
from tracer.host.cpus import cpu_numbers, parse_cpus


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPUs 0-7 are there, 6 is offline, this process may not use 7."""
    monkeypatch.setattr(module, "online_cpus", lambda: (0, 1, 2, 3, 4, 5, 7))
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3, 4, 5})


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("0", (0,)),
        ("1", (1,)),
        ("0-3", (0, 1, 2, 3)),
        ("1-3,5", (1, 2, 3, 5)),
        ("5,1-3", (1, 2, 3, 5)),
        ("1,1,0-1", (0, 1)),
        (" 1 , 2 ", (1, 2)),
        ("2-2", (2,)),
    ],
)
def test_good(text: str, cpus: tuple[int, ...]) -> None:
    assert parse_cpus(text) == cpus


@pytest.mark.parametrize(
    "text",
    ["", " ", ",", "0,", ",0", "a", "0-", "-1", "3-1", "0x1", "1.5", "0;1", "0--2", "0-1-2",
     "physica", "all", "999999", "0-99999999", "+1", "\u0661-", "1 2"],
)  # fmt: skip
def test_malformed(text: str) -> None:
    with pytest.raises(TracerError) as caught:
        parse_cpus(text)
    assert caught.value.exit_code == 2
    assert "is not a CPU" in caught.value.message
    assert "online here: 0,1,2,3,4,5,7" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("6", "CPU 6 is not online"),
        ("0-8", "CPU 6 is not online"),
        ("99999", "CPU 99999 is not online"),
        ("7", "CPU 7 is not allowed to this process"),
    ],
)
def test_cpus_that_cannot_be_used(text: str, message: str) -> None:
    with pytest.raises(TracerError, match=message) as caught:
        parse_cpus(text)
    assert caught.value.exit_code == 2


def test_isolated_cpus_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With isolcpus=5,7 no process begins with them in its affinity."""
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3, 4})
    monkeypatch.setattr(module, "_SYS", tmp_path)
    (tmp_path / "isolated").write_text("5,7\n")
    assert parse_cpus("4-5,7") == (4, 5, 7)
    (tmp_path / "isolated").write_text("\n")
    with pytest.raises(TracerError, match="CPU 5 is not allowed to this process"):
        parse_cpus("4-5")


def test_a_list_in_other_digits_is_read_or_refused_never_wrong() -> None:
    with pytest.raises(TracerError):
        parse_cpus("\u0669")  # 9 in Arabic digits: not online


def test_physical_is_one_cpu_a_core(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for cpu in range(4):
        directory = tmp_path / f"cpu{cpu}" / "topology"
        directory.mkdir(parents=True)
        (directory / "thread_siblings_list").write_text(f"{cpu % 2},{cpu % 2 + 2}\n")
    monkeypatch.setattr(module, "_SYS", tmp_path)
    assert parse_cpus("physical") == (0, 1, 4, 5)


def test_kernel_lists() -> None:
    assert cpu_numbers("0-3,8\n") == (0, 1, 2, 3, 8)


def test_physical_where_a_cores_first_thread_is_not_allowed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for cpu in range(4):
        directory = tmp_path / f"cpu{cpu}" / "topology"
        directory.mkdir(parents=True)
        (directory / "thread_siblings_list").write_text(f"{cpu % 2},{cpu % 2 + 2}\n")
    monkeypatch.setattr(module, "_SYS", tmp_path)
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _pid: {2, 3})
    assert parse_cpus("physical") == (2, 3)
