"""Virtual machines with other kernels, one after the other, and the matrix of what they found.

    matrix.py [--kernels "6.1 newest"] [--cpus 4] [--topology plain] [--jobs "kernel tests"]

A machine runs its jobs in one boot, `--minutes` at most. What it found is in
build/vm/results/KERNEL-CPUS-TOPOLOGY; a machine that has run these jobs of this very clone is not
run again (`--fresh` does), so that a matrix which was broken off goes on. docs/kernels.md gets a
line of each. Exit status 1 when a check was bad or a machine did not end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CLONE = HERE.parents[1]
RESULTS = CLONE / "build" / "vm" / "results"
PAGE = CLONE / "docs" / "kernels.md"
BEGIN, END = "<!-- machines -->\n", "<!-- /machines -->\n"
COLUMNS = ("kernel", "release", "processor", "CPUs", "machine", "jobs", "good", "what was wrong")
#: Those that name a machine in the table: a new line takes the place of the one that has the same.
KEY = (0, 2, 3, 4, 5)
_ROW = re.compile(r"^(ok  |FAIL) +(\S+) *(.*)$", re.M)

Result = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    given = _arguments(arguments)
    revision = _revision()
    print(f"vm: {len(given.kernels)} machines, {given.minutes} minutes each at most", flush=True)
    run(HERE / "disks.sh", *sorted({_processor(kernel) for kernel in given.kernels}))
    results = []
    for kernel in given.kernels:
        result = _saved(kernel, given, revision)
        if result is None:
            result = machine(kernel, given, revision)
        results.append(result)
        _write(PAGE, result)
    print("\n".join(_table([_line(result) for result in results])))
    return 0 if all(result["ended"] and not _bad(result) for result in results) else 1


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="matrix.py")
    jobs = sorted(file.stem for file in (HERE / "jobs").glob("[a-z]*.py"))
    parser.add_argument("--kernels", type=str.split, default=["6.1", "6.12", "newest"])
    parser.add_argument("--cpus", type=int, default=4)
    parser.add_argument("--topology", default="plain", choices=_topologies())
    parser.add_argument("--jobs", type=str.split, default=["kernel", "tests"])
    parser.add_argument("--minutes", type=int, default=15)
    parser.add_argument("--fresh", action="store_true")
    given = parser.parse_args(arguments)
    unknown = [job for job in given.jobs if job not in jobs]
    if unknown:
        parser.error(f"there is no job {unknown[0]}; jobs: {' '.join(jobs)}")
    return given


def _topologies() -> list[str]:
    """Those that boot.sh knows."""
    text = (HERE / "boot.sh").read_text()
    return re.findall(r"^(\w+)\) (?:;; )?#", text, re.M)


def _processor(kernel: str) -> str:
    return "aarch64" if kernel.endswith("-arm64") else "x86_64"


def _revision() -> str:
    """What the clone holds: the commit, and what has been changed since."""
    head, changed = (
        subprocess.run(("git", "-C", str(CLONE), *words), capture_output=True, check=True).stdout
        for words in (("rev-parse", "HEAD"), ("diff", "HEAD", "--", ":!docs"))
    )
    return head.decode().strip()[:12] + (hashlib.sha1(changed).hexdigest()[:8] if changed else "")


# ---- one machine ----


def machine(kernel: str, given: argparse.Namespace, revision: str) -> Result:
    """Boot it, wait for its jobs, and keep what they said."""
    out = _directory(kernel, given)
    start = time.monotonic()
    run(HERE / "kernel.sh", kernel)
    words = (kernel, str(given.cpus), given.topology, ",".join(given.jobs), str(given.minutes * 60))
    run(HERE / "boot.sh", str(out), *words)
    console = _console(out)
    release = re.search(r"^guest: Linux (\S+),", console, re.M)
    result = {
        "kernel": kernel,
        "release": release[1] if release else "-",
        "processor": _processor(kernel),
        "cpus": given.cpus,
        "topology": given.topology,
        "jobs": given.jobs,
        "revision": revision,
        "rows": [[verdict.strip(), name, text] for verdict, name, text in _ROW.findall(console)],
        "ended": "guest: done" in console,
        "crash": _crash(console),
        "seconds": round(time.monotonic() - start),
    }
    (out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    print(console)
    return result


def _console(out: Path) -> str:
    """What the jobs wrote; of a machine that did not end, what came over its serial line."""
    text = (out / "serial.log").read_text(errors="replace").replace("\r", "")
    return text[max(text.find("guest: "), 0) :]


def _crash(console: str) -> str | None:
    """How the guest's kernel came to its end, if it did."""
    oops = re.search(r"Oops: (.+?)(?: \[#1\].*)?$", console, re.M)
    panic = re.search(r"Kernel panic - not syncing: (.+)$", console, re.M)
    said = oops or panic
    return f"the guest's kernel crashed: {said[1]}" if panic and said else None


def _directory(kernel: str, given: argparse.Namespace) -> Path:
    return RESULTS / f"{kernel}-{given.cpus}-{given.topology}"


def _saved(kernel: str, given: argparse.Namespace, revision: str) -> Result | None:
    """What this machine found before, where it ran these jobs of this clone to their end."""
    file = _directory(kernel, given) / "result.json"
    if given.fresh or not file.exists():
        return None
    found: Result = json.loads(file.read_text())
    same = found["revision"] == revision and found["jobs"] == given.jobs and found["ended"]
    if same:
        print(f"{kernel}: kept from before ({file.parent})")
    return found if same else None


def run(program: Path, *words: str) -> None:
    """One of the scripts beside this file; boot.sh says by itself what went wrong."""
    done = subprocess.run((str(program), *words), check=False)
    if done.returncode and program.name != "boot.sh":
        sys.exit(done.returncode)


# ---- the matrix ----


def _bad(result: Result) -> list[str]:
    return [f"{name}: {text}" for verdict, name, text in result["rows"] if verdict == "FAIL"]


def _line(result: Result) -> list[str]:
    """A machine's cells of the table."""
    rows, bad = result["rows"], _bad(result)
    wrong = [text.replace("|", "/")[:160] for text in bad]
    wrong += [] if result["ended"] else [result["crash"] or "it did not end in time"]
    return [
        result["kernel"],
        result["release"],
        result["processor"],
        str(result["cpus"]),
        result["topology"],
        " ".join(result["jobs"]),
        f"{len(rows) - len(bad)} of {len(rows)}",
        "; ".join(wrong) or "-",
    ]


def _table(lines: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (COLUMNS, ["---"] * len(COLUMNS), *lines)]


def _write(page: Path, result: Result) -> None:
    """Put the machine into the table of the page, in the place of its line from before."""
    text = page.read_text()
    before, rest = text.split(BEGIN)
    _old, after = rest.split(END)
    lines = {_key(cells): cells for cells in _lines(rest)}
    cells = _line(result)
    lines[_key(cells)] = cells
    table = "\n".join(_table([lines[key] for key in sorted(lines, key=_order)]))
    page.write_text(f"{before}{BEGIN}{table}\n{END}{after}")


def _lines(text: str) -> Iterator[list[str]]:
    for line in text.split(END)[0].splitlines()[2:]:
        yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def _key(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cells[n] for n in KEY)


def _order(key: tuple[str, ...]) -> tuple[list[int], tuple[str, ...]]:
    """By the kernel's version as numbers, `newest` last."""
    return [int(n) for n in re.findall(r"\d+", key[0].split("-")[0])] or [99], key


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
