"""The doctor: planted hosts get the right verdicts; it works without root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.host import cgroups, checks, limits, user
from tracer.host.checks import Check
from workloads import Needs, available

ROOT = Path(__file__).parents[2]
NEEDS = Needs(descriptors=(2, 6), threads=(1, 1))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty /sys."""
    monkeypatch.setattr(checks, "_SYS", tmp_path)
    monkeypatch.setattr(checks.requirements, "_SYS", tmp_path)
    return tmp_path


def plant(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def by_name(all_checks: list[Check]) -> dict[str, Check]:
    return {check.what: check for check in all_checks}


@pytest.mark.parametrize(
    ("file", "text", "what", "value", "verdict"),
    [
        ("kernel/security/lockdown", "none [integrity] confidentiality", "lockdown",
         "integrity", "ok"),
        ("kernel/security/lockdown", "none integrity [confidentiality]", "lockdown",
         "confidentiality", "problem"),
        ("devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave", "frequency governor",
         "powersave", "note"),
        ("devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance",
         "frequency governor", "performance", "ok"),
        ("devices/system/clocksource/clocksource0/current_clocksource", "hpet", "clock source",
         "hpet", "note"),
        ("kernel/mm/transparent_hugepage/enabled", "[always] madvise never", "huge pages",
         "always", "note"),
        ("devices/system/cpu/cpuidle/current_driver", "none", "idle driver", "none", "note"),
    ],
)  # fmt: skip
def test_a_planted_host_gets_its_verdict(
    host: Path, file: str, text: str, what: str, value: str, verdict: str
) -> None:
    plant(host, file, text)
    check = by_name(checks.checks(lambda: ""))[what]
    assert (check.value, check.verdict) == (value, verdict)
    if verdict == "problem":
        assert check.why and check.remedy


def test_a_kernel_without_btf_is_a_problem(host: Path) -> None:
    check = by_name(checks.checks(lambda: ""))["BTF"]
    assert (check.value, check.verdict) == ("missing", "problem")
    assert "CONFIG_DEBUG_INFO_BTF" in check.remedy


def test_guest_polling(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.fingerprint, "is_virtual", lambda: True)
    plant(host, "devices/system/cpu/cpuidle/current_driver", "haltpoll")
    plant(host, "module/haltpoll/parameters/guest_halt_poll_ns", "0")
    check = by_name(checks.checks(lambda: ""))["guest polling"]
    assert check.verdict == "note" and check.remedy.endswith("guest_halt_poll_ns")
    plant(host, "module/haltpoll/parameters/guest_halt_poll_ns", "200000")
    check = by_name(checks.checks(lambda: ""))["guest polling"]
    assert (check.verdict, check.value) == ("ok", "up to 200 us")


def test_what_the_probes_say_is_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise TracerError("no BPF here", "run it elsewhere")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert by_name(checks.checks(lambda: "19 attached"))["probes"].value == "19 attached"
    check = by_name(checks.checks(refuse))["probes"]
    assert (check.verdict, check.why, check.remedy) == (
        "problem",
        "no BPF here",
        "run it elsewhere",
    )
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    allowed = by_name(checks.checks(lambda: "19 attached"))
    assert allowed["probes"].value == "19 attached", "CAP_BPF and CAP_PERFMON are enough"
    for module in (checks, user):
        monkeypatch.setattr(module, "has_capability", lambda _name: False)
    as_user = by_name(checks.checks(refuse))
    assert (as_user["probes"].verdict, as_user["rights"].verdict) == ("note", "note")


def test_needs_add_up() -> None:
    both = NEEDS + Needs(descriptors=(1, 1), memory_bytes=(5, 7))
    assert both == Needs(descriptors=(3, 7), threads=(1, 1), memory_bytes=(5, 7))


def test_systemd_is_asked_where_it_rules() -> None:
    slice_ = Path("/sys/fs/cgroup/user.slice")
    remedy = limits._group_remedy(slice_, slice_ / "pids.max")
    assert remedy == "sudo systemctl set-property --runtime user.slice TasksMax=NUMBER"
    other = Path("/sys/fs/cgroup/pids/x")
    assert (
        limits._group_remedy(other, other / "pids.max")
        == f"echo NUMBER | sudo tee {other}/pids.max"
    )


def test_kernel_memory_of_both_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "own_groups", lambda: iter([tmp_path]))
    assert cgroups.kernel_bytes() is None
    (tmp_path / "memory.stat").write_text("anon 5\nkernel 77\n")
    assert cgroups.kernel_bytes() == 77
    (tmp_path / "memory.kmem.usage_in_bytes").write_text("88\n")
    assert cgroups.kernel_bytes() == 88


def test_works_as_an_ordinary_user_and_changes_nothing(tmp_path: Path) -> None:
    def become() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    done = subprocess.run(
        [sys.executable, "-m", "tracer", "doctor", "--json", "-", "--workload", "thread-brigade",
         "--tasks", "2000000000"],
        cwd=ROOT, capture_output=True, text=True, preexec_fn=become, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr  # so many never fit
    document = json.loads(done.stdout)
    verdicts = {check["what"]: check["verdict"] for check in document["facts"]}
    assert verdicts["rights"] == verdicts["probes"] == "note"
    assert set(document["most_tasks"]) == set(available())
    assert document["request"]["fits"] is False
    assert document["request"]["binds"] in document["request"]["by_limit"]


def test_tasks_without_a_workload_are_refused() -> None:
    done = subprocess.run([sys.executable, "-m", "tracer", "doctor", "--tasks", "5"], cwd=ROOT,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "--workload is missing" in done.stderr
