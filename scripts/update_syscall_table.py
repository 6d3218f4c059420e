#!/usr/bin/env python3
"""Write tracer/model/syscall_table.json from the newest release of a Rust crate.

The crate linux-raw-sys holds what bindgen makes of the kernel's own headers, for every
architecture. Cargo fetches it, from the registry that Cargo is set up for. With `--check` nothing
is written, and the exit status is 1 if the file is out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

CRATE = "linux-raw-sys"
#: Machine as in `uname -m`, or i386, whose calls x86_64 takes too -> the crate's
#: name of it.
MACHINES = {"x86_64": "x86_64", "aarch64": "aarch64", "i386": "x86"}
TABLE = Path(__file__).resolve().parent.parent / "tracer" / "model" / "syscall_table.json"
MANIFEST = f"""[package]
name = "syscall-table"
version = "0.0.0"
edition = "2021"
[dependencies]
{CRATE} = "*"
"""
# In the headers, but not system calls: the number of calls, and where those of a machine start.
NOT_CALLS = {"syscalls", "arch_specific_syscall"}


def fetch(directory: Path) -> tuple[str, Path]:
    """Let Cargo fetch the crate in `directory`; returns its version and directory of sources."""
    (directory / "src").mkdir()
    (directory / "src" / "lib.rs").touch()
    (directory / "Cargo.toml").write_text(MANIFEST)
    command = ["cargo", "metadata", "--quiet", "--format-version=1"]
    done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, check=True)
    (package,) = (p for p in json.loads(done.stdout)["packages"] if p["name"] == CRATE)
    return package["version"], Path(package["manifest_path"]).parent / "src"


def constants(source: Path) -> dict[str, int]:
    """The integer constants of a generated Rust file by name."""
    pairs = re.findall(r"pub const (\w+)\s*:\s*\w+\s*=\s*(\d+)\s*;", source.read_text())
    return {name: int(value) for name, value in pairs}


def table() -> str:
    """The new content of the JSON file."""
    calls: dict[str, dict[str, str]] = {}
    kernels = set()
    with tempfile.TemporaryDirectory() as directory:
        version, source = fetch(Path(directory))
        for machine, directory_of in MACHINES.items():
            values = constants(source / directory_of / "general.rs")
            kernels.add("{LINUX_VERSION_MAJOR}.{LINUX_VERSION_PATCHLEVEL}".format_map(values))
            by_number = sorted(
                (number, name.removeprefix("__NR_"))
                for name, number in values.items()
                if name.startswith("__NR_") and name.removeprefix("__NR_") not in NOT_CALLS
            )
            calls[machine] = {str(number): name for number, name in by_number}
            if len(calls[machine]) != len(by_number) or len(by_number) < 300:
                raise SystemExit(f"{CRATE} has too few or ambiguous system calls of {machine}")
    origin = f"crate {CRATE} {version} (headers of Linux {' and '.join(sorted(kernels))})"
    return json.dumps({"source": origin, **calls}, indent=1) + "\n"


def main() -> int:
    """Write or check the table; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    check: bool = parser.parse_args().check
    new = table()
    if check:
        return int(not TABLE.exists() or TABLE.read_text() != new)
    TABLE.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
