"""CPU quotas of control groups, of both versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracer.host import cgroups
from tracer.model.recording import Quota


def write(directory: Path, **files: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text)
    return directory


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "_ROOT", tmp_path)
    return tmp_path


def test_version_2(root: Path) -> None:
    write(root, cgroup__controllers="cpu\n")
    write(root / "free", cpu__max="max 100000\n", cpu__stat="nr_periods 0\n")
    group = write(
        root / "a/b",
        cpu__max="30000 100000\n",
        cpu__stat="usage_usec 5\nnr_periods 10\nnr_throttled 7\nthrottled_usec 450000\n",
    )
    assert cgroups.quotas() == {group: Quota(group, 0.3, 10, 7, 450_000_000, 100_000_000)}


def test_version_1(root: Path) -> None:
    group = write(
        root / "cpu" / "a",
        cpu__cfs_quota_us="150000\n",
        cpu__cfs_period_us="100000\n",
        cpu__stat="nr_periods 4\nnr_throttled 2\nthrottled_time 123456789\n",
    )
    write(root / "cpu" / "free", cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
    assert cgroups.quotas() == {group: Quota(group, 1.5, 4, 2, 123_456_789, 100_000_000)}


def test_a_group_that_goes_while_it_is_read_has_no_quota(root: Path) -> None:
    write(root / "cpu" / "a", cpu__cfs_quota_us="", cpu__cfs_period_us="")
    assert cgroups.quotas() == {}


def test_what_was_counted_since(tmp_path: Path) -> None:
    before, now = Quota(tmp_path, 0.5, 4, 1, 100), Quota(tmp_path, 0.5, 10, 5, 700)
    assert now.since(before) == Quota(tmp_path, 0.5, 6, 4, 600)
    assert now.since(None) == now


def test_groups_of_a_process_and_their_ancestors(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "_PROC", tmp_path / "proc")
    write(tmp_path / "proc" / "7", cgroup="1:cpu:/a/b\n")
    group = write(root / "cpu" / "a" / "b")
    assert list(cgroups.own_groups(7)) == [group, group.parent, root / "cpu"]
