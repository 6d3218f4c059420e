"""Properties of this host; figures are comparable only where they are the same."""

from __future__ import annotations

import platform
from pathlib import Path

from tracer import __version__
from tracer.host.cpus import online_cpus
from tracer.host.files import line_of, lines_of

_SYS = Path("/sys/devices/system/cpu")
_UNKNOWN = "unknown"


def _line(path: Path) -> str:
    return line_of(path, _UNKNOWN)


def _cpuinfo(*keys: str) -> str:
    """The first value of one of these keys in /proc/cpuinfo."""
    for text in lines_of(Path("/proc/cpuinfo")):
        key, _, value = text.partition(":")
        if key.strip() in keys and value.strip():
            return value.strip()
    return _UNKNOWN


def _topology() -> str:
    """`2 CPUs, 2 cores, 1 socket, 1 last-level cache`."""
    cpus = online_cpus()
    cores, sockets, caches = set(), set(), set()
    for cpu in cpus:
        base = _SYS / f"cpu{cpu}"
        cores.add(_line(base / "topology" / "thread_siblings_list"))
        sockets.add(_line(base / "topology" / "physical_package_id"))
        levels = sorted((base / "cache").glob("index[0-9]*"), key=lambda p: _line(p / "level"))
        caches.add(_line(levels[-1] / "shared_cpu_list") if levels else _UNKNOWN)
    counts = (
        (len(cpus), "CPU"), (len(cores), "core"), (len(sockets), "socket"),
        (len(caches), "last-level cache"),
    )  # fmt: skip
    return ", ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in counts)


def is_virtual() -> bool:
    """True when the processor says that a hypervisor runs it."""
    return "hypervisor" in _cpuinfo("flags", "Features").split()


def _machine() -> str:
    """Whether this is a virtual machine, and whose."""
    vendor = _line(Path("/sys/class/dmi/id/sys_vendor"))
    if not is_virtual():
        return "no virtual machine" if platform.machine() == "x86_64" else _UNKNOWN
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
        "cpu": _cpuinfo("model name", "CPU part", "cpu model"),
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
