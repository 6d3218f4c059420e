"""What tells one host from another, on planted machines."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tracer.host import fingerprint

GRACE = "processor\t: 0\nFeatures\t: fp asimd atomics\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n"
LSCPU = "Architecture:  aarch64\nVendor ID:  ARM\n  Model name:  {}\n    Thread(s) per core:  1\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine of aarch64 with one line for each file that is planted."""
    for name in ("_SYS", "_DMI", "_FIRMWARE"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(fingerprint, name, tmp_path / name)
    monkeypatch.setattr(fingerprint.platform, "machine", lambda: "aarch64")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(GRACE)
    monkeypatch.setattr(fingerprint, "_CPUINFO", cpuinfo)
    fingerprint._named_by_lscpu.cache_clear()
    return tmp_path


def says(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """lscpu with this output."""
    done = subprocess.CompletedProcess(["lscpu"], 0, text, "")
    monkeypatch.setattr(fingerprint.subprocess, "run", lambda *_words, **_more: done)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (LSCPU.format("Neoverse-V2"), "Neoverse-V2"),
        (LSCPU.format("Cortex-A55") + LSCPU.format("Cortex-A76"), "Cortex-A55 + Cortex-A76"),
        (LSCPU.format("-"), "implementer 0x41, part 0xd4f"),
        ("", "implementer 0x41, part 0xd4f"),
    ],
)
def test_a_processor_of_aarch64_has_a_name(
    host: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str
) -> None:
    says(monkeypatch, text)
    assert fingerprint._processor() == name


def test_without_lscpu_its_numbers_are_told(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(host))
    assert fingerprint._processor() == "implementer 0x41, part 0xd4f"
    (host / "cpuinfo").write_text("")
    assert fingerprint._processor() == "unknown"


def test_the_kernels_own_name_comes_first(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, LSCPU.format("another"))
    (host / "cpuinfo").write_text("model name\t: Fast 9000\n")
    assert fingerprint._processor() == "Fast 9000"


@pytest.mark.parametrize(
    ("vendor", "product", "model", "machine"),
    [
        ("QEMU", "QEMU Virtual Machine", "", "virtual machine (QEMU QEMU Virtual Machine)"),
        ("Amazon EC2", "c7g.large", "", "virtual machine (Amazon EC2 c7g.large)"),
        ("Amazon EC2", "c7g.metal", "", "Amazon EC2 c7g.metal"),
        ("", "", "linux,dummy-virt\0", "virtual machine (linux,dummy-virt)"),
        ("", "", "Raspberry Pi 4 Model B Rev 1.4\0", "Raspberry Pi 4 Model B Rev 1.4"),
        ("", "", "", "unknown"),
    ],
)
def test_a_machine_of_aarch64_has_a_name(
    host: Path, vendor: str, product: str, model: str, machine: str
) -> None:
    for folder, name, text in (
        ("_DMI", "sys_vendor", vendor),
        ("_DMI", "product_name", product),
        ("_FIRMWARE", "model", model),
    ):
        if text:
            (host / folder / name).write_text(text)
    assert fingerprint._machine() == machine


def plant_cpus(base: Path, cpus: list[tuple[str, str, str, str]]) -> None:
    """CPUs as (siblings, CPUs of the last-level cache, node, socket); no cache: not told."""
    for number, (siblings, cache, node, socket) in enumerate(cpus):
        cpu = base / f"cpu{number}"
        (cpu / node).mkdir(parents=True)
        (cpu / "topology").mkdir()
        (cpu / "topology" / "thread_siblings_list").write_text(siblings)
        (cpu / "topology" / "physical_package_id").write_text(socket)
        if cache:
            (cpu / "cache" / "index3").mkdir(parents=True)
            (cpu / "cache" / "index3" / "level").write_text("3")
            (cpu / "cache" / "index3" / "shared_cpu_list").write_text(cache)


TWO_SOCKETS = [
    (f"{n // 2 * 2}-{n // 2 * 2 + 1}", "0-3" if n < 4 else "4-7", f"node{n // 4}", str(n // 4))
    for n in range(8)
]


@pytest.mark.parametrize(
    ("cpus", "text"),
    [
        (
            TWO_SOCKETS,
            "8 CPUs, 4 cores, 2 sockets, 2 last-level caches, 2 NUMA nodes",
        ),
        ([("0", "0-1", "node0", "0"), ("1", "0-1", "node0", "0")],
         "2 CPUs, 2 cores, 1 socket, 1 last-level cache"),
        ([("0", "0", "node0", "0"), ("1", "1", "node0", "0")],
         "2 CPUs, 2 cores, 1 socket, 2 last-level caches"),
        ([("0", "", "node0", "0")], "1 CPU, 1 core, 1 socket, caches unknown"),
        ([("0-1", "0-3", "node0", "0")] * 2 + [("2-3", "0-3", "node0", "0")] * 2,
         "4 CPUs, 2 cores, 1 socket, 1 last-level cache"),
        ([(str(n), "0-1" if n < 2 else "2-3", "node0", "0") for n in range(4)],
         "4 CPUs, 4 cores, 1 socket, 2 last-level caches"),
    ],
)  # fmt: skip
def test_topology(
    host: Path,
    monkeypatch: pytest.MonkeyPatch,
    cpus: list[tuple[str, str, str, str]],
    text: str,
) -> None:
    plant_cpus(host / "_SYS", cpus)
    monkeypatch.setattr(fingerprint, "online_cpus", lambda: tuple(range(len(cpus))))
    assert fingerprint._topology() == text


def test_isolated_cpus_are_told(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with isolcpus=3-4 on a machine whose CPU 4 is off line."""
    plant_cpus(host / "_SYS", [(str(n), "0-3", "node0", "0") for n in range(4)])
    (host / "_SYS" / "isolated").write_text("3-4\n")
    monkeypatch.setattr(fingerprint, "online_cpus", lambda: (0, 1, 2, 3))
    assert fingerprint._topology() == (
        "4 CPUs, 4 cores, 1 socket, 1 last-level cache, 1 isolated CPU (3)"
    )
