"""Checks of this host, each with a verdict and a remedy. Reads only; works without root."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import tracer
from tracer.errors import TracerError
from tracer.host import cgroups, fingerprint, requirements
from tracer.host.cpus import halt_instruction, idle_states, online_cpus
from tracer.host.files import line_of
from tracer.host.installation import installation
from tracer.host.load import HostTimes
from tracer.host.python_names import PY_SPY
from tracer.host.replaying import PROGRAM
from tracer.host.unwinding import HELPER
from tracer.host.user import CAPABILITIES, has_capability, may_load
from workloads import NATIVE

_SYS = Path("/sys")
_KERNEL = Path("/proc/sys/kernel")
_IO_URING_SETUP = 425
_STEAL = 0.01


@dataclass(frozen=True)
class Check:
    """`verdict` is ok, note (it changes figures, or was not seen) or problem (tracer cannot work);
    `why` says what it means, `remedy` what to type or do; both may be empty."""

    what: str
    value: str
    verdict: str = "ok"
    why: str = ""
    remedy: str = ""


def _rights() -> Check:
    held = [name for name in CAPABILITIES if has_capability(name)]
    value = f"{'root' if os.geteuid() == 0 else 'an ordinary user'}, {', '.join(held) or 'none'}"
    if not may_load():
        return Check("rights", value, "note", "runs under probes need root",
                    "sudo tracer ...")  # fmt: skip
    if not {"CAP_SYS_ADMIN", "CAP_BPF"} & set(held):
        return Check("rights", value, "problem", "this root may not load BPF programs",
                    "run on the host, or give the container CAP_BPF and CAP_PERFMON")  # fmt: skip
    if "CAP_SYS_RESOURCE" not in held:
        return Check("rights", value, "note", "hard limits cannot be raised from here")
    return Check("rights", value)


def _condition(what: str, value: str, error: TracerError | None, unmet: str = "") -> Check:
    """A condition of the host: `value`, or the problem that `error` is, then with the value
    `unmet`."""
    if error is None:
        return Check(what, value)
    return Check(what, unmet or value, "problem", error.message, error.hint)


def _kernel() -> Check:
    value = f"Linux {platform.release()}, {platform.machine()}"
    return _condition("kernel", value, requirements.kernel_error())


def _btf() -> Check:
    path = _SYS / "kernel/btf/vmlinux"
    value = f"{path.stat().st_size >> 20} MiB" if path.exists() else ""
    return _condition("BTF", value, requirements.btf_error(), "missing")


def _namespaces() -> Check:
    value = "rights, thread numbers and clock of the host"
    return _condition("namespaces", value, requirements.namespace_error(), "not the host's")


def _lockdown() -> Check:
    mode = requirements.lockdown()
    if not mode:
        return Check("lockdown", "unknown", "ok", "securityfs is not there to tell")
    return _condition("lockdown", mode, requirements.lockdown_error())


def _io_uring() -> Check:
    """Whether a ring can be made: one is, and closed at once."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(_IO_URING_SETUP, 1, ctypes.create_string_buffer(120))
    if fd >= 0:
        os.close(fd)
        return Check("io_uring", "works")
    number = ctypes.get_errno()
    why = "uring-brigade cannot run"
    if number == errno.EPERM and line_of(_KERNEL / "io_uring_disabled") not in ("", "0"):
        return Check("io_uring", "switched off", "note", why,
                    "sudo sysctl kernel.io_uring_disabled=0")  # fmt: skip
    return Check("io_uring", os.strerror(number), "note", why)


def _installation() -> Check:
    return Check("installation", f"tracer {tracer.__version__}, {installation()}")


def _workloads() -> Check:
    if not any(os.access(p, os.X_OK) for p in NATIVE.glob("*-brigade")):
        return Check("workloads", "not built", "problem", "there is nothing to run",
                    installation().to_build())  # fmt: skip
    for program, without in ((HELPER, "stacks have addresses instead of names"),
                             (PROGRAM, "recordings cannot be replayed")):  # fmt: skip
        if not os.access(program, os.X_OK):
            return Check("workloads", f"built, without {program.name}", "note", without,
                        installation().to_build())  # fmt: skip
    return Check("workloads", "built")


def _python_threads() -> Check:
    if os.access(PY_SPY, os.X_OK):
        return Check("Python threads", f"names read by py-spy {version('py-spy')}")
    return Check("Python threads", "names not read: no py-spy", "note", "threads of a Python"
                " before 3.14 have the program's name in reports",
                installation().to_get("py-spy"))  # fmt: skip


def _idle() -> Iterator[Check]:
    base = _SYS / "devices/system/cpu/cpuidle"
    driver, governor = line_of(base / "current_driver"), line_of(base / "current_governor")
    if driver in ("", "none"):
        yield Check("idle driver", driver or "unknown", "note",
                   f"a CPU with nothing to do goes straight to {halt_instruction()}; waking it is"
                   " slow in a VM",
                   "pin with --cpus; tracer explain shows what it costs")  # fmt: skip
    else:
        names = ", ".join(idle_states(online_cpus()[0]).values())
        told = f"{driver}, governor {governor or 'unknown'}; states {names or 'unknown'}"
        yield Check("idle driver", told)
    parameters = _SYS / "module/haltpoll/parameters"
    polling = line_of(parameters / "guest_halt_poll_ns")
    if fingerprint.is_virtual() and polling:
        why = "an idle CPU does not wait a little for work before it sleeps"
        if driver != "haltpoll":
            yield Check(
                "guest polling", "off", "note", why, "sudo modprobe cpuidle-haltpoll force=1"
            )
        elif polling == "0":
            yield Check("guest polling", "off: guest_halt_poll_ns is 0", "note", why,
                       f"echo 200000 | sudo tee {parameters}/guest_halt_poll_ns")  # fmt: skip
        else:
            yield Check("guest polling", f"up to {int(polling) // 1000} us")


def _frequency() -> Check:
    governor = line_of(_SYS / "devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if not governor:
        return Check("frequency governor", "none", "ok", "the host or the firmware decides")
    if governor != "performance":
        return Check("frequency governor", governor, "note", "the clock follows the load",
                    "sudo cpupower frequency-set -g performance")  # fmt: skip
    return Check("frequency governor", governor)


def _clock() -> Check:
    path = _SYS / "devices/system/clocksource/clocksource0/current_clocksource"
    source = line_of(path, "unknown")
    if source in ("hpet", "acpi_pm", "refined-jiffies", "jiffies"):
        return Check("clock source", source, "note", "each reading of the clock is slow")
    return Check("clock source", source)


def _machine() -> Iterator[Check]:
    prints = fingerprint.fingerprint()
    yield Check("processor", f"{prints['cpu']}: {prints['topology']}")
    virtual = fingerprint.is_virtual()
    yield Check("machine", prints["machine"], "note" if virtual else "ok",
               "neighbours on the host change the figures" if virtual else "")  # fmt: skip
    yield Check("mitigations", prints["mitigations"])


def _huge_pages() -> Check:
    text = line_of(_SYS / "kernel/mm/transparent_hugepage/enabled", "unknown")
    mode = (re.search(r"\[(\w+)\]", text) or [text, text])[1]
    if mode == "always":
        return Check("huge pages", mode, "note", "memory comes 2 MiB at a time: tracer memory"
                    " measures that", "echo madvise | sudo tee"
                    " /sys/kernel/mm/transparent_hugepage/enabled")  # fmt: skip
    return Check("huge pages", mode)


def _groups() -> Iterator[Check]:
    yield Check("control groups", cgroups.versions())
    found = cgroups.quota()
    if found is not None:
        yield Check("CPU quota", found[1], "note",
                   f"{found[0]} stops the workload for parts of the time")  # fmt: skip


def _steal() -> Check:
    times = HostTimes.now()
    share = times.steal_ns / max(times.total_ns, 1)
    value = f"{100 * share:.1f} % since boot"
    if share > _STEAL:
        return Check("steal", value, "note", "the host ran something else on these CPUs",
                    "a quieter host, or more rounds")  # fmt: skip
    return Check("steal", value)


def checks(probes: Callable[[], str]) -> list[Check]:
    """All checks. `probes()` tries the BPF programs and returns what it saw, or raises TracerError;
    it is called where they may be loaded."""
    return [
        _installation(), _rights(), _kernel(), _namespaces(), _btf(), _programs(probes),
        _lockdown(), _workloads(), _io_uring(), _python_threads(), *_machine(), *_idle(),
        _frequency(), _clock(), _huge_pages(), *_groups(), _steal(),
    ]  # fmt: skip


def _programs(probes: Callable[[], str]) -> Check:
    if not may_load():
        return Check("probes", "not tried", "note", "only root can load them")
    if any(requirements.host_errors()):
        why = "they cannot work on this host: see the other problem"
        return Check("probes", "not tried", "problem", why)
    try:
        return Check("probes", probes())
    except TracerError as error:
        return Check("probes", "do not work", "problem", error.message, error.hint)
