"""The doctor: planted hosts get the right verdicts, limits the right sizes and commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.host import cgroups, checks, limits
from tracer.host.checks import Fact
from tracer.host.limits import Limit
from tracer.report import doctor as report
from tracer.report.doctor import Request
from workloads import Needs, available

ROOT = Path(__file__).parents[2]
NEEDS = Needs(descriptors=(2, 6), threads=(1, 1))
FILES = Limit("descriptors", "RLIMIT_NOFILE (hard)", 1000, 990, "prlimit --nofile=NUMBER:NUMBER")
PIDS = Limit("threads", "/g/pids.max", 600, 400, "echo NUMBER > /g/pids.max")
AREAS = Limit("areas", "vm.max_map_count", 65530, 65530, "sysctl vm.max_map_count=NUMBER")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty /sys."""
    monkeypatch.setattr(checks, "_SYS", tmp_path)
    return tmp_path


def plant(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def by_name(found: list[Fact]) -> dict[str, Fact]:
    return {fact.what: fact for fact in found}


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
    fact = by_name(checks.facts(lambda: ""))[what]
    assert (fact.value, fact.verdict) == (value, verdict)
    if verdict == "problem":
        assert fact.why and fact.cure


def test_a_kernel_without_btf_is_a_problem(host: Path) -> None:
    fact = by_name(checks.facts(lambda: ""))["BTF"]
    assert (fact.value, fact.verdict) == ("missing", "problem")
    assert "CONFIG_DEBUG_INFO_BTF" in fact.cure


def test_guest_polling(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.fingerprint, "is_virtual", lambda: True)
    plant(host, "devices/system/cpu/cpuidle/current_driver", "haltpoll")
    plant(host, "module/haltpoll/parameters/guest_halt_poll_ns", "0")
    fact = by_name(checks.facts(lambda: ""))["guest polling"]
    assert fact.verdict == "note" and fact.cure.endswith("guest_halt_poll_ns")
    plant(host, "module/haltpoll/parameters/guest_halt_poll_ns", "200000")
    fact = by_name(checks.facts(lambda: ""))["guest polling"]
    assert (fact.verdict, fact.value) == ("ok", "up to 200 us")


def test_what_the_probes_say_is_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise TracerError("no BPF here", "run it elsewhere")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert by_name(checks.facts(lambda: "19 attached"))["probes"].value == "19 attached"
    fact = by_name(checks.facts(refuse))["probes"]
    assert (fact.verdict, fact.why, fact.cure) == ("problem", "no BPF here", "run it elsewhere")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = by_name(checks.facts(refuse))
    assert (found["probes"].verdict, found["rights"].verdict) == ("note", "note")


def test_the_size_each_limit_allows_and_what_raises_it() -> None:
    request = Request("thread-brigade", NEEDS, 600)
    text = report.render([Fact("BTF", "5 MiB")], [FILES, PIDS, AREAS], ["stack"], {}, request)
    rows = {line.split("  ")[0]: line.split()[-1] for line in text.splitlines() if line}
    assert rows["RLIMIT_NOFILE (hard)"] == "492"
    assert rows["/g/pids.max"] == "399"
    assert rows["vm.max_map_count"] == "number"  # "any number"
    assert "thread-brigade: 399 tasks at most; /g/pids.max binds" in text
    assert report.cures(request, [FILES, PIDS, AREAS]) == [
        ("/g/pids.max", "echo 801 > /g/pids.max"),
        ("RLIMIT_NOFILE (hard)", "prlimit --nofile=1216:1216"),
    ]
    assert not report.fits(request, [FILES, PIDS])
    assert report.fits(Request("x", NEEDS, 399), [FILES, PIDS])


def test_json_says_the_same() -> None:
    request = Request("thread-brigade", NEEDS, 399)
    facts_ = [Fact("BTF", "5 MiB")]
    found = report.document(facts_, [FILES, PIDS], [], {"w": NEEDS, "none": Needs()}, request)
    assert found["schema"] == "tracer.doctor/1"
    assert found["request"]["fits"] is True and found["request"]["cures"] == {}
    assert found["request"]["by_limit"] == {"RLIMIT_NOFILE (hard)": 492, "/g/pids.max": 399}
    assert found["most_tasks"] == {"w": {"tasks": 399, "limit": "/g/pids.max"}, "none": None}


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_report_fits(width: int) -> None:
    fact = Fact("mitigations", "spectre: " + "long " * 60, "note", "why " * 30, "cure " * 30)
    text = report.render([fact], [FILES, PIDS], ["remark " * 30], {"w": NEEDS}, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "problems: 0, notes: 1" in text


def test_needs_add_up() -> None:
    both = NEEDS + Needs(descriptors=(1, 1), memory_bytes=(5, 7))
    assert both == Needs(descriptors=(3, 7), threads=(1, 1), memory_bytes=(5, 7))


def test_systemd_is_asked_where_it_rules() -> None:
    slice_ = Path("/sys/fs/cgroup/user.slice")
    cure = limits._group_cure(slice_, slice_ / "pids.max")
    assert cure == "sudo systemctl set-property --runtime user.slice TasksMax=NUMBER"
    other = Path("/sys/fs/cgroup/pids/x")
    assert (
        limits._group_cure(other, other / "pids.max") == f"echo NUMBER | sudo tee {other}/pids.max"
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
    verdicts = {fact["what"]: fact["verdict"] for fact in document["facts"]}
    assert verdicts["rights"] == verdicts["probes"] == "note"
    assert set(document["most_tasks"]) == set(available())
    assert document["request"]["fits"] is False
    assert document["request"]["binds"] in document["request"]["by_limit"]


def test_tasks_without_a_workload_are_refused() -> None:
    done = subprocess.run([sys.executable, "-m", "tracer", "doctor", "--tasks", "5"], cwd=ROOT,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "--workload is missing" in done.stderr
