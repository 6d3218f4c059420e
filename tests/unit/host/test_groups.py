"""Units and containers in planted trees of control groups, of both versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.host import cgroups, groups

A, B = "3f" * 32, "3f" + "a0" * 31
C = "beef" * 16
#: Where each engine puts a container, with the version of its documentation's spelling.
SPELLINGS = {
    "docker": f"docker/{A}",
    "docker with systemd": f"system.slice/docker-{A}.scope",
    "podman": f"libpod_parent/libpod-{A}",
    "podman with systemd": f"machine.slice/libpod-{A}.scope",
    "podman of a user": (
        f"user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope"
    ),
    "ctr": f"default/{A}",
    "nerdctl": f"system.slice/nerdctl-{A}.scope",
    "kubernetes": f"kubepods/burstable/pod1b2c/{A}",
    "kubernetes with systemd": (
        "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1b2c.slice/"
        f"cri-containerd-{A}.scope"
    ),
    "cri-o": f"kubepods.slice/kubepods-pod1b2c.slice/crio-{A}.scope",
    "containerd that disagrees": f"system.slice/kubepods-pod1b2c.slice:cri-containerd:{A}",
}


def group(base: Path, path: str, *pids: int) -> Path:
    """A group and those above it."""
    made = base
    for part in ["", *path.split("/")]:
        made = made / part
        made.mkdir(exist_ok=True)
        if not (made / "cgroup.procs").exists():
            (made / "cgroup.procs").write_text("")
    (made / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    return made


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "_ROOT", tmp_path)
    monkeypatch.setattr(groups, "_BOOTED", tmp_path / "booted")
    return tmp_path


@pytest.fixture
def v2(root: Path) -> Path:
    (root / "cgroup.procs").write_text("1\n")
    return root


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("base", ["", "memory"], ids=["version 2", "version 1"])
def test_a_container_as_each_engine_spells_it(root: Path, base: str, spelling: str) -> None:
    if not base:
        (root / "cgroup.procs").write_text("")
    directory = group(root / base, spelling, 7)
    group(root / base, f"machine.slice/libpod-conmon-{A}.scope", 6)
    group(root / base, f"system.slice/docker-{C}.scope", 8)
    for identity in (A, A[:12], f"docker://{A}", f"cri-o://{A[:5]}"):
        assert list(groups.of_container(identity).values()) == [directory]


def test_ids_that_begin_alike(v2: Path) -> None:
    first = group(v2, f"docker/{A}", 7)
    second = group(v2, f"docker/{B}", 8)
    assert groups.of_container("3f") == {A: first, B: second}
    assert groups.of_container("3fa") == {B: second}
    assert groups.of_container(A) == {A: first}


def test_a_container_in_a_container_and_groups_within(v2: Path) -> None:
    outer = group(v2, f"docker/{A}", 7)
    inner = group(v2, f"docker/{A}/docker/{B}", 8)
    group(v2, f"docker/{A}/libpod-payload-{A}", 9)
    assert groups.of_container("3f3f") == {A: outer}
    assert groups.of_container("3fa0") == {B: inner}


def test_a_name_of_ctr(v2: Path) -> None:
    directory = group(v2, "default/redis", 7)
    group(v2, "system.slice/redis", 8)
    assert groups.of_container("redis") == {"redis": directory}


@pytest.mark.parametrize("identity", ["web", "", "3", "docker://", "cafe", "../..", "["])
def test_no_such_container(v2: Path, identity: str) -> None:
    group(v2, f"docker/{A}", 7)
    with pytest.raises(TracerError, match="no container has an id") as error:
        groups.of_container(identity)
    assert error.value.exit_code == 2 and "docker ps" in error.value.hint


def test_version_1_takes_a_hierarchy_that_has_the_processes(root: Path) -> None:
    group(root / "cpu", f"docker/{A}")
    full = group(root / "memory", f"docker/{A}", 7)
    assert groups.of_container(A) == {A: full}
    (root / "cpu,cpuacct").symlink_to("cpu")
    group(root / "cpu", "system.slice/nginx.service", 7)
    wanted = group(root / "systemd", "system.slice/nginx.service", 7, 8)
    assert groups.of_unit("nginx") == [wanted]


def test_units(v2: Path) -> None:
    nginx = group(v2, "system.slice/nginx.service", 7)
    group(v2, "system.slice/nginx.service/nested.service", 9)
    templated = group(v2, "system.slice/system-getty.slice/getty@tty1.service", 8)
    scope = group(v2, "user.slice/user-0.slice/session-1.scope", 9)
    both = [
        group(v2, f"user.slice/user-{n}.slice/user@{n}.service/app.slice/sync.service", n)
        for n in (1000, 1001)
    ]
    assert groups.of_unit("nginx") == groups.of_unit("nginx.service") == [nginx]
    assert groups.of_unit("getty@tty1") == [templated]
    assert groups.of_unit("session-1.scope") == [scope]
    assert groups.of_unit("user.slice") == [v2 / "user.slice"]
    assert groups.of_unit("sync") == both


def test_a_unit_that_does_not_run(v2: Path, root: Path) -> None:
    group(v2, "system.slice/nginx.service", 7)
    with pytest.raises(TracerError, match="systemd does not run here") as error:
        groups.of_unit("apache2")
    assert error.value.exit_code == 2 and "--cgroup" in error.value.hint
    (root / "booted").mkdir()
    with pytest.raises(TracerError, match=r"no unit apache2\.service runs") as error:
        groups.of_unit("apache2")
    assert "systemctl" in error.value.hint


def test_without_control_groups(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_ROOT", root / "missing")
    for find in (groups.of_unit, groups.of_container):
        with pytest.raises(TracerError, match="nothing is mounted") as error:
            find("abc")
        assert error.value.exit_code == 2
