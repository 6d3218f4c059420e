"""Properties of this host; figures are comparable only where they are the same."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from functools import cache
from pathlib import Path

from tracer import __version__
from tracer.host.cpus import cpu_list, isolated_cpus, online_cpus, read_cpus
from tracer.host.files import line_of, lines_of
from tracer.units import counted

_SYS = Path("/sys/devices/system/cpu")
_CPUINFO = Path("/proc/cpuinfo")
_DMI = Path("/sys/class/dmi/id")
_FIRMWARE = Path("/proc/device-tree")
_UNKNOWN = "unknown"
#: In the firmware's name of a virtual machine, where no flag of the processor tells (aarch64).
_HYPERVISORS = (
    *("QEMU", "KVM", "dummy-virt", "VMware", "Xen", "Amazon EC2", "Google Compute Engine"),
    *("Virtual Machine", "OpenStack", "Parallels", "Apple Virtualization", "Alibaba Cloud ECS"),
)


def _line(path: Path) -> str:
    return line_of(path, _UNKNOWN)


def _cpuinfo(*keys: str) -> str:
    """The first value of one of these keys in /proc/cpuinfo."""
    for text in lines_of(_CPUINFO):
        key, _, value = text.partition(":")
        if key.strip() in keys and value.strip():
            return value.strip()
    return _UNKNOWN


def _processor() -> str:
    """Its model by name, also where the kernel tells numbers alone (aarch64)."""
    name = _cpuinfo("model name", "cpu model")
    if name != _UNKNOWN:
        return name
    numbers = [_cpuinfo(key) for key in ("CPU implementer", "CPU part")]
    return _named_by_lscpu() or (
        _UNKNOWN if _UNKNOWN in numbers else "implementer {}, part {}".format(*numbers)
    )


@cache
def _named_by_lscpu() -> str:
    """The kinds of core as util-linux's table of processors names them; empty where it does not."""
    try:
        done = subprocess.run(
            ["lscpu"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError:
        return ""
    names = re.findall(r"^\s*Model name:\s*(.*\S)", done.stdout, re.M)
    return " + ".join(dict.fromkeys(name for name in names if name != "-"))


def _topology() -> str:
    """`2 CPUs, 2 cores, 1 socket, 1 last-level cache`; nodes where there are several, and CPUs that
    are isolated."""
    cpus = read_cpus(online_cpus(), _SYS)
    sockets = {_line(_SYS / f"cpu{cpu.number}/topology/physical_package_id") for cpu in cpus}
    caches, nodes = {cpu.cache for cpu in cpus}, {cpu.node for cpu in cpus}
    found = [
        counted(len(cpus), "CPU"),
        counted(len({cpu.core for cpu in cpus}), "core"),
        counted(len(sockets), "socket"),
        "caches unknown" if "" in caches else counted(len(caches), "last-level cache"),
    ]
    if len(nodes) > 1:
        found.append(counted(len(nodes), "NUMA node"))
    isolated = set(isolated_cpus(_SYS)).intersection(cpu.number for cpu in cpus)
    if isolated:
        found.append(f"{counted(len(isolated), 'isolated CPU')} ({cpu_list(isolated)})")
    return ", ".join(found)


def is_virtual() -> bool:
    """True when the processor or the firmware says that a hypervisor runs it."""
    if platform.machine() == "x86_64":
        return "hypervisor" in _cpuinfo("flags").split()
    name = _firmware_name()
    if "metal" in name:  # of a cloud's vendor, and no virtual machine
        return False
    return any(word in name for word in _HYPERVISORS) or (_FIRMWARE / "hypervisor").is_dir()


def _firmware_name() -> str:
    """What the firmware calls the machine: vendor and product, or the device tree's model."""
    dmi = [line_of(_DMI / name) for name in ("sys_vendor", "product_name")]
    return " ".join(filter(None, dmi)) or line_of(_FIRMWARE / "model").strip("\0")


def _machine() -> str:
    """Whether this is a virtual machine, and whose."""
    if platform.machine() != "x86_64":
        name = _firmware_name() or _UNKNOWN
        return f"virtual machine ({name})" if is_virtual() else name
    vendor = _line(_DMI / "sys_vendor")
    if not is_virtual():
        return "no virtual machine"
    kind = _line(Path("/sys/hypervisor/type"))
    named = ", ".join(word for word in (kind, vendor) if word != _UNKNOWN)
    return f"virtual machine ({named})" if named else "virtual machine"


def _mitigations() -> str:
    """The mitigations that cost time at a context switch or a system call."""
    base = _SYS / "vulnerabilities"
    names = ("spectre_v2", "meltdown", "mds", "retbleed", "spec_store_bypass", "srbds")
    found = [f"{name}: {_line(base / name)}" for name in names if (base / name).exists()]
    return "; ".join(found) or _UNKNOWN


def fingerprint() -> dict[str, str]:
    """Properties by name, one line each; `unknown` where they cannot be read."""
    idle = _SYS / "cpuidle"
    return {
        "kernel": platform.release(),
        "cpu": _processor(),
        "topology": _topology(),
        "governor": _line(_SYS / "cpu0" / "cpufreq" / "scaling_governor"),
        "idle": f"{_line(idle / 'current_driver')}, {_line(idle / 'current_governor')}",
        "mitigations": _mitigations(),
        "machine": _machine(),
        "tracer": __version__,
    }


def differences(a: dict[str, str], b: dict[str, str]) -> list[str]:
    """One line for each thing in which two hosts differ."""
    return [
        f"{name}: {a.get(name, _UNKNOWN)} against {b.get(name, _UNKNOWN)}"
        for name in dict.fromkeys((*a, *b))
        if a.get(name) != b.get(name)
    ]
