"""Broken files and samples for the helper that unwinds and names stacks: make fuzz.

Every case is made by a generator of random numbers with a fixed start, so a case that breaks the
helper can be made again. A helper that crashes is no failure of the driver, which leaves out what
it crashed on; it is counted and shown.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from harness.machine import compiler  # noqa: E402
from harness.stopped import sample, sleeping, spaces_of  # noqa: E402

from tracer.host import unwinding  # noqa: E402
from tracer.host.code_files import CodeFiles  # noqa: E402
from tracer.model.mappings import AddressSpaces, Area  # noqa: E402
from tracer.model.stacks import StackSample, Unwound  # noqa: E402

#: It sleeps in a call of its own, so that its own file is all that is needed to unwind.
PROGRAM = """
#include <sys/syscall.h>
#define APART __attribute__((noipa))
APART long innermost(long n) {
    char room[64];
    long r = SYS_read;
    __asm__ volatile("syscall" : "+a"(r) : "D"(0L), "S"(room), "d"(1L) : "rcx", "r11", "memory");
    return r + n;
}
static inline __attribute__((always_inline)) long folded(long n) { return innermost(n) + 1; }
APART long middle(long n) { volatile long v[40]; v[3] = n; return folded(v[3]) + 1; }
APART long recursive(long n) {
    long r = n ? recursive(n - 1) : middle(n);
    __asm__ volatile("" : "+r"(r));
    return r + 1;
}
int main(void) { return recursive(5) & 1; }
"""
#: Numbers of processes that do not exist.
_FIRST_PID = 1 << 29
_BATCH = 20
_MADE = 0x7F5500000000


@dataclass
class Seed:
    """The right program and the right sample, from which the broken ones are made."""

    files: list[bytes]
    sample: StackSample
    code: Area


@dataclass
class Count:
    """What came of the cases."""

    cases: int = 0
    whole: int = 0
    named: int = 0
    left_out: int = 0
    failed: int = 0
    slowest_s: float = 0.0
    messages: list[str] = field(default_factory=list)

    @property
    def helper_bytes(self) -> int:
        """The most memory that a child of this process has used."""
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def seed(folder: Path) -> Seed:
    """Compiles the program (x86-64 only), stops it, and takes its stack."""
    source, program = folder / "program.c", folder / "program"
    source.write_text(PROGRAM)
    cc = compiler()
    assert cc is not None
    files = []
    for options in (["-g"], ["-g", "-gz"], ["-s"]):
        subprocess.run([cc, "-O2", *options, source, "-o", program], check=True)
        files.append(program.read_bytes())
    subprocess.run([cc, "-O2", "-g", source, "-o", program], check=True)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        sleeping(process.pid, "pipe_read")
        taken = sample(process.pid)
        space = spaces_of(process.pid).of(process.pid, taken.at_ns)
        assert space is not None
        code = space.find(taken.ip, time.monotonic_ns())
        process.kill()
    assert code is not None and code.inode
    return Seed(files, taken, code)


def broken_file(rng: random.Random, right: bytes) -> bytes:
    """The file with some of its bytes, words or ranges changed, or cut off."""
    data = bytearray(right)
    for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
        # half of the changes in what describes the rest: the headers, the ends
        where = rng.choice((rng.randrange(1024), len(data) - 1 - rng.randrange(2500),
                            rng.randrange(len(data)), rng.randrange(len(data))))  # fmt: skip
        at = max(0, min(where, len(data) - 9))
        kind = rng.randrange(4)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.randrange(256)
        elif kind == 2:
            value = rng.choice((0, 1, (1 << 64) - 1, 1 << 63, 1 << 32, rng.getrandbits(64)))
            data[at : at + 8] = value.to_bytes(8, "little")
        else:
            other, size = rng.randrange(len(data)), rng.randrange(1, 256)
            data[at : at + size] = data[other : other + size]
    if rng.randrange(10) == 0:
        del data[rng.randrange(16, len(data)) :]
    return bytes(data)


def broken_sample(rng: random.Random, right: StackSample, code: Area) -> StackSample:
    """The sample with wrong registers, words of the stack, or a shorter stack."""
    data = bytearray(right.data)
    interesting = (0, (1 << 64) - 1, right.sp, right.sp + 64, right.ip, code.start, code.end,
                   code.start + 5, _MADE + 16)  # fmt: skip
    for _ in range(rng.choice((0, 1, 4, 32))):
        at = rng.randrange(0, 640, 8)
        value = rng.choice((*interesting, rng.getrandbits(64),
                            rng.randrange(code.start, code.end)))  # fmt: skip
        data[at : at + 8] = value.to_bytes(8, "little")
    if rng.randrange(8) == 0:
        del data[rng.randrange(len(data)) :]
    registers = {}
    for name in ("ip", "sp", "bp", "lr"):
        if rng.randrange(6) == 0:
            near = getattr(right, name) + rng.randrange(-64, 64)
            value = rng.choice((*interesting, near, rng.getrandbits(64)))
            registers[name] = value & (1 << 64) - 1
    return replace(right, data=bytes(data), **registers)


def broken_map(rng: random.Random) -> bytes:
    """A perf map: lines that overlap, bytes that are no text, numbers without end."""
    lines = [f"{_MADE + rng.randrange(4096):x} {rng.choice((0, 8, 64, 1 << 63)):x} py::f:/a.py"
             for _ in range(rng.randrange(50))]  # fmt: skip
    data = bytearray("\n".join(lines).encode() + b"\n")
    for _ in range(rng.randrange(20)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def _batch(
    rng: random.Random, right: Seed, folder: Path, count: int
) -> tuple[list[StackSample], AddressSpaces]:
    """Broken cases, each a process with a file of its own."""
    samples, spaces = [], AddressSpaces()
    for number in range(count):
        pid, file = _FIRST_PID + number, folder / f"file-{number}"
        content = rng.choice(right.files)
        file.write_bytes(broken_file(rng, content) if rng.randrange(4) else content)
        found = file.stat()
        device = os.major(found.st_dev), os.minor(found.st_dev)
        area = replace(right.code, path=str(file), inode=found.st_ino, device=device)
        at_ns = time.monotonic_ns()
        spaces.mapped(at_ns, pid, area)
        spaces.mapped(at_ns, pid, Area(_MADE, _MADE + 4096, 0, "", executable=True))
        one = broken_sample(rng, right.sample, area) if rng.randrange(2) else right.sample
        samples.append(replace(one, tgid=pid, at_ns=time.monotonic_ns()))
    return samples, spaces


def run(folder: Path, cases: int, start: int = 1) -> Iterator[Count]:
    """Runs the cases; what came of them so far, after each batch.

    AssertionError where the driver gives something else than it promises.
    """
    right, total = seed(folder), Count()
    rng = random.Random(start)
    original = CodeFiles.perf_map

    def perf_map(files: CodeFiles, _pid: int, _since_ns: int) -> int:
        descriptor = os.memfd_create("map")
        os.write(descriptor, broken_map(rng))
        files._opened.append(descriptor)
        return descriptor

    CodeFiles.perf_map = perf_map  # type: ignore[method-assign]
    try:
        while total.cases < cases:
            samples, spaces = _batch(rng, right, folder, min(_BATCH, cases - total.cases))
            began_s = time.monotonic()
            found = unwinding.unwind(samples, spaces, timeout_s=120)
            total.slowest_s = max(total.slowest_s, time.monotonic() - began_s)
            _check(samples, found)
            total.cases += len(samples)
            total.whole += sum(found.whole)
            total.named += sum(any(found.frames[index].function for index in stack)
                               for stack in found.stacks)  # fmt: skip
            total.left_out += "breaks on them" in found.missing
            total.failed += "not unwound" in found.missing
            if found.missing:
                total.messages.append(f"from case {total.cases - len(samples)}: {found.missing}")
            yield total
    finally:
        CodeFiles.perf_map = original  # type: ignore[method-assign]


def _check(samples: list[StackSample], found: Unwound) -> None:
    sizes = {len(found.stacks), len(found.whole), len(found.broke_in), len(samples)}
    assert len(sizes) == 1
    for stack, whole, broke_in in zip(found.stacks, found.whole, found.broke_in, strict=True):
        assert len(stack) <= 512 and all(index < len(found.frames) for index in stack)
        assert not (whole and broke_in)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=1, help="of the random numbers")
    options = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for count in run(folder, options.cases, options.start):
            if count.cases % 1000 == 0:
                print(f"{count.cases} cases", flush=True)
    print(f"{count.cases} cases in {time.monotonic() - began_s:.0f} s: {count.named} stacks have"
          f" names; the helper broke in {count.left_out} batches of {_BATCH} and was started again,"
          f" {count.failed} batches failed; the slowest took {count.slowest_s:.2f} s, the helper"
          f" {count.helper_bytes >> 20} MiB at most")  # fmt: skip
    print(*count.messages, sep="\n")
    sys.exit(bool(count.failed))


if __name__ == "__main__":
    main()
