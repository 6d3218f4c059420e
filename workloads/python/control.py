"""The control protocol and the result, as described in docs/workloads.md."""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from workloads.python.options import Options, compute, fail

_USAGE = {
    "minor_faults": "ru_minflt",
    "major_faults": "ru_majflt",
    "voluntary": "ru_nvcsw",
    "involuntary": "ru_nivcsw",
}


def raise_open_files() -> None:
    """Raise the soft limit of open files to the hard one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _usage() -> dict[str, int]:
    raw = resource.getrusage(resource.RUSAGE_SELF)
    usage = {"user_ns": round(raw.ru_utime * 1e9), "system_ns": round(raw.ru_stime * 1e9)}
    return usage | {name: getattr(raw, field) for name, field in _USAGE.items()}


def _peak_resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Control:
    """The workload's side of the protocol; sends nothing without a controlling process."""

    def __init__(self) -> None:
        number = os.environ.pop("TRACER_CONTROL_FD", None)
        self.fd = -1
        if number is not None:
            try:
                self.fd = int(number)
                os.set_inheritable(self.fd, False)
            except (ValueError, OSError):
                fail(f"TRACER_CONTROL_FD={number!r} is not an open descriptor")
        self._before: dict[str, int] = {}
        self._started_ns = 0

    def _announce(self, edge: str, now_ns: int) -> None:
        """Send `begin` or `end` and wait for the answer."""
        if self.fd < 0:
            return
        os.write(self.fd, f"{edge} {threading.get_native_id()} {now_ns}\n".encode())
        answer = b""
        while len(answer) < 3:
            chunk = os.read(self.fd, 3 - len(answer))
            answer += chunk
            if not chunk or not b"go\n".startswith(answer):
                fail(f"control socket: expected `go`, received {answer!r}")

    def begin(self) -> None:
        """Announce the measured part and wait until it may start."""
        self._before = _usage()
        self._announce("begin", time.monotonic_ns())
        self._started_ns = time.monotonic_ns()

    def end(self) -> tuple[int, dict[str, int]]:
        """Announce the end of the measured part; returns how long it took, ns, and its usage."""
        ended_ns = time.monotonic_ns()
        self._announce("end", ended_ns)
        usage = {name: max(n - self._before[name], 0) for name, n in _usage().items()}
        usage["max_rss_bytes"] = _peak_resident_bytes()
        return ended_ns - self._started_ns, usage

    def report(
        self, options: Options, times: list[int], measured: tuple[int, dict[str, int]]
    ) -> None:
        """Send the result to the controlling process, or print it."""
        elapsed_ns, usage = measured
        result = _result(options, times, elapsed_ns, usage)
        text = json.dumps(result, separators=(",", ":"))
        if self.fd >= 0:
            data = f"result {text}\n".encode()
            while data:
                data = data[os.write(self.fd, data) :]
        elif options.json:
            print(text)
        else:
            mean_ns = sum(times) / len(times)
            print(
                f"{options.tasks} tasks, {options.iters} iterations: mean"
                f" {mean_ns / 1e6:.3f} ms per iteration,"
                f" {mean_ns / (options.tasks * options.tokens) / 1e3:.3f} us per hop"
            )
        sys.stdout.flush()


def _result(
    options: Options, times: list[int], elapsed_ns: int, usage: dict[str, int]
) -> dict[str, object]:
    times = sorted(times)
    mean = sum(times) / len(times)
    deviation = (sum((ns - mean) ** 2 for ns in times) / len(times)) ** 0.5
    return {
        "tasks": options.tasks,
        "iterations": options.iters,
        "warmups": options.warmups,
        "unit": "hop",
        "units": options.tasks * options.iters * options.tokens,
        "elapsed_ns": elapsed_ns,
        "mean_ns": round(mean, 3),
        "stddev_ns": round(deviation, 3),
        "min_ns": times[0],
        "p50_ns": _percentile(times, 50),
        "p99_ns": _percentile(times, 99),
        "max_ns": times[-1],
        "ns_per_unit": round(mean / (options.tasks * options.tokens), 3),
        "extra": _figures(options),
        "rusage": usage,
    }


def _percentile(ordered: list[int], percent: int) -> int:
    """Nearest rank: always a value that was measured."""
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def _figures(options: Options) -> dict[str, float]:
    """--tokens and --work as the native programs report them."""
    figures: dict[str, float] = {"tokens": options.tokens} if options.tokens > 1 else {}
    if options.work:
        figures["work_steps"] = options.work
        figures["work_ns"] = min(_timed(lambda: compute(options.work)) for _ in range(5))
    return figures


def _timed(body: Callable[[], object]) -> int:
    start = time.perf_counter_ns()
    body()
    return time.perf_counter_ns() - start
