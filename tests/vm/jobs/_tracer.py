"""Running tracer in a virtual machine and judging its report, for all jobs.

Times mean nothing under emulation; exit status, ledgers, losses and counts do.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path("/results")
TRACER = ".venv/bin/tracer"
#: A residual above this share of a ledger leaves it open.
OPEN = 0.01

Document = Mapping[str, Any]


class Job:
    """The checks of one job; its exit status is 1 when one of them failed."""

    def __init__(self) -> None:
        self.bad: list[str] = []
        self.count = 0

    def row(self, name: str, faults: Sequence[str], told: str = "") -> None:
        """One line on the console: what was checked, and everything wrong with it."""
        self.count += 1
        if faults:
            self.bad.append(name)
        verdict = "FAIL" if faults else "ok"
        print(f"{verdict:<5}{name:<22} {'; '.join(filter(None, [*faults, told]))}", flush=True)

    def end(self) -> int:
        print(f"{self.count} checks, bad: {', '.join(self.bad) or 'none'}", flush=True)
        return 1 if self.bad or not self.count else 0


@dataclass
class Done:
    """A run of tracer: its exit status (None: it hung and was ended), texts, and report."""

    status: int | None
    out: str
    err: str
    seconds: float
    document: Document | None
    misses: dict[str, int] = field(default_factory=dict)


def run(
    name: str, words: Sequence[str], *, report: bool = True, limit_s: float = 900, **more: Any
) -> Done:
    """Run `words` with the report in /results/NAME.json; standard output and error in NAME.txt.

    `misses` counts, by tracepoint, the events that the kernel dropped for a program that ran
    already on that CPU, as last seen in /proc while tracer ran.
    """
    file = RESULTS / f"{name}.json"
    argv = list(words)
    if report:
        at = argv.index("--") if "--" in argv else len(argv)
        argv[at:at] = ["--json", str(file)]
    out, err = RESULTS / f"{name}.out", RESULTS / f"{name}.err"
    misses: dict[str, int] = {}
    start = time.monotonic()
    with out.open("w") as o, err.open("w") as e:
        child = subprocess.Popen(argv, stdout=o, stderr=e, stdin=subprocess.DEVNULL, **more)
        while child.poll() is None and time.monotonic() - start < limit_s:
            misses |= _misses(child.pid)
            time.sleep(0.5)  # emulated, each look takes long
        status = child.poll()
        if status is None:
            child.send_signal(signal.SIGKILL)
            child.wait()
    seconds = time.monotonic() - start
    document = None
    if report and file.exists() and file.stat().st_size:
        document = json.loads(file.read_text())
    return Done(status, out.read_text(), err.read_text(), seconds, document, misses)


def _misses(pid: int) -> dict[str, int]:
    """`recursion_misses` of the programs that the process holds, by the tracepoint of their link;
    those above 0."""
    of_program: dict[str, int] = {}
    tracepoint: dict[str, str] = {}
    for file in Path(f"/proc/{pid}/fdinfo").glob("*"):
        try:
            text = file.read_text()
        except OSError:
            continue
        program = re.search(r"^prog_id:\s*(\d+)", text, re.M)
        missed = re.search(r"^recursion_misses:\s*(\d+)", text, re.M)
        name = re.search(r"^tp_name:\s*(\S+)", text, re.M)
        if program and missed:
            of_program[program[1]] = int(missed[1])
        if program and name:
            tracepoint[program[1]] = name[1]
    return {tracepoint[p]: n for p, n in of_program.items() if n and p in tracepoint}


# ---- what is wrong with a report ----


def faults(done: Done, ok: int = 0, may_lose: Sequence[str] = ()) -> list[str]:
    """What is wrong with a run whose exit status should be `ok`; events of the kinds `may_lose`
    may be told as lost."""
    found = []
    if done.status != ok:
        last = (done.err or done.out).strip().splitlines()[-3:]
        found.append(f"exit status {'none, it hung' if done.status is None else done.status}")
        found += [" | ".join(last)[:400]] if done.document is None else []
    if "Traceback" in done.err:
        found.append("a traceback")
    if done.document is None:
        return [*found, "no report"]
    return found + open_ledgers(done.document) + lost(done.document, may_lose)


def open_ledgers(document: Document) -> list[str]:
    return [
        f"the ledger {name} is open by {100 * share:.1f} %"
        for name, share in residuals(document).items()
        if share > OPEN
    ]


def residuals(document: Document) -> dict[str, float]:
    """By ledger, as a share of it."""
    return {
        name: abs(book["residual_ns"]) / max(book["total_ns"], 1)
        for name, book in document["ledgers"].items()
    }


def lost(document: Document, but: Sequence[str] = ()) -> list[str]:
    by_kind = {k: n for k, n in document["losses"]["by_kind"].items() if n and k not in but}
    return [f"lost {by_kind}"] if by_kind else []


def told(document: Document) -> str:
    """Residual, repairs, and what this kernel lacks, in a line."""
    repairs = {kind: n for kind, n in document["repairs"].items() if n}
    gone = ", ".join(document["host"]["unavailable"]) or "nothing"
    worst = 100 * max(residuals(document).values())
    lost = document["losses"]["total"]
    text = f"residual {worst:.2f} %, repairs {repairs or 0}, lost {lost}"
    return f"{text}, not on this kernel: {gone}"


# ---- counts of a report ----


def calls(document: Document) -> dict[str, int]:
    """System calls by name."""
    return {call["name"]: call["calls"] for call in document["syscalls"] or ()}


def still_open(document: Document) -> dict[str, int]:
    """Calls open at the window's end, by name."""
    return {call["name"]: call["open"] for call in document["syscalls"] or ()}


def count_is(
    of: Callable[[Document], int], wanted: int, what: str
) -> Callable[[Document], list[str]]:
    """A check that a count is what arithmetic says; calls that are told as lost are not in it."""

    def check(document: Document) -> list[str]:
        found, lost = of(document), document["losses"]["by_kind"]["recursion"] // 2
        return [] if wanted - lost <= found <= wanted else [f"{what}: {found}, not {wanted}"]

    return check
