"""The machine, as far as its figures can be compared: kernel, CPUs, virtual or not."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def model() -> str:
    """Name of the processor; empty where /proc/cpuinfo has none."""
    match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    return match[1].strip() if match else ""


def virtual() -> bool:
    """True when the processor says that it runs under a hypervisor (x86)."""
    return bool(re.search(r"^flags\s*:.*\bhypervisor\b", Path("/proc/cpuinfo").read_text(), re.M))


def line() -> str:
    """One line that names the machine."""
    kernel = ".".join(platform.release().split("-")[0].split(".")[:2])
    count = os.cpu_count() or 1
    kind = ", virtual machine" if virtual() else ""
    return f"Linux {kernel}, {platform.machine()}, {count} CPUs ({model() or 'unnamed'}){kind}"
