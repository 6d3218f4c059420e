"""`tracer attach` for long: whether its memory stays, its ledgers close, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.result import ROOT, Options, Result
from benchmarks.subject import Subject
from benchmarks.usage import cpu_ns
from tracer.errors import TracerError
from tracer.host.files import fields_of
from tracer.units import count, duration, size

NAME = "soak"
#: Seconds of a window.
INTERVAL_S = 10
_TRACER = str(ROOT / ".venv" / "bin" / "tracer")
#: Processes and threads come and go, and wake each other, for about a third of the time.
_LOAD = "while :; do {} >/dev/null; sleep 0.3; done"


@dataclass(frozen=True)
class Usage:
    """Of tracer's process: bytes resident, descriptors, CPU seconds."""

    bytes: int
    descriptors: int
    cpu_s: float

    @classmethod
    def of(cls, pid: int) -> Usage:
        status = fields_of(Path(f"/proc/{pid}/status"))
        if "VmRSS" not in status:
            raise TracerError("tracer attach has ended early")
        return cls(
            int(status["VmRSS"].split()[0]) * 1024,
            len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208 - only how many
            cpu_ns(pid) / 1e9,
        )


@contextlib.contextmanager
def _loaded() -> Iterator[int]:
    """The process number of a shell that starts brigades without end."""
    load = Subject("thread-brigade", 300, 20, 1, pinned=False)
    with subprocess.Popen(
        ["sh", "-c", _LOAD.format(shlex.join(load.argv()))], start_new_session=True
    ) as shell:
        try:
            yield shell.pid
        finally:
            os.killpg(shell.pid, signal.SIGKILL)


def _watched(minutes: float, file: Path, options: Options) -> list[tuple[float, Usage]]:
    """tracer's usage by seconds since it began, every window."""
    with _loaded() as pid:
        words = (_TRACER, "attach", str(pid), "--interval", str(INTERVAL_S), "--json", str(file))
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as tracer:
            try:
                began, seen = time.monotonic(), []
                while (at := time.monotonic() - began) < 60 * minutes:
                    options.progress.say(f"soak: {at / 60:.0f} of {minutes:.0f} minutes")
                    time.sleep(INTERVAL_S)
                    seen.append((time.monotonic() - began, Usage.of(tracer.pid)))
                return seen
            finally:
                tracer.terminate()  # SIGINT is ignored where the benchmark runs in the background
                tracer.wait()


def _row(name: str, documents: Sequence[dict[str, Any]], seen: Sequence[tuple[float, Usage]]
         ) -> list[str]:  # fmt: skip
    """One part of the time."""
    calls = sum(call["calls"] for d in documents for call in d["syscalls"])
    walls = [d["ledgers"]["wall"] for d in documents]
    open_shares = [abs(wall["residual_ns"]) / wall["total_ns"] for wall in walls]
    return [
        name,
        str(len(documents)),
        count(calls),
        count(sum(d["losses"]["total"] for d in documents)),
        f"{100 * max(open_shares):.2f} %",
        size(seen[-1][1].bytes),
        str(seen[-1][1].descriptors),
    ]


def run(options: Options) -> list[Result]:
    """One table; a round is a minute."""
    minutes = options.rounds
    with tempfile.TemporaryDirectory(prefix="tracer-bench-") as folder:
        file = Path(folder) / "windows.jsonl"
        seen = _watched(minutes, file, options)
        documents = [json.loads(line) for line in file.read_text().splitlines()]
    if len(documents) < 4 or len(seen) < 4:
        raise TracerError("the soak was too short", "give it some minutes: --rounds 5")
    quarter, of_usage = len(documents) // 4, len(seen) // 4
    parts = ("first quarter", "second", "third", "last")
    rows = [
        _row(
            name,
            documents[n * quarter : (n + 1) * quarter if n < 3 else None],
            seen[n * of_usage : (n + 1) * of_usage if n < 3 else None],
        )
        for n, name in enumerate(parts)
    ]
    window_ns = sum(document["window_ns"] for document in documents)
    spent_s = seen[-1][1].cpu_s - seen[0][1].cpu_s
    below = [
        f"Windows cover {duration(window_ns)} of {duration(1e9 * seen[-1][0])} since the command"
        f" was started; tracer used {100 * spent_s / (seen[-1][0] - seen[0][0]):.1f} % of one CPU",
    ]
    note = (
        f"`tracer attach --interval {INTERVAL_S}` on a shell that starts brigades of 20 threads,"
        f" {minutes} minutes; default probes. `open`: the largest part of a window's path without"
        " a name; memory and descriptors are tracer's, at the end of each part."
    )
    columns = ["", "windows", "calls", "lost", "open", "resident", "descriptors"]
    data = {"windows": len(documents), "window_ns": window_ns,
            "resident": [[at, usage.bytes] for at, usage in seen]}  # fmt: skip
    return [Result(NAME, note, columns, rows, data, below=below)]


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
