"""The file for pprof, read by Go's pprof itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from harness.profiled import PROFILE, RING, WALL, frame, random_profile, sample, stack

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.pieces import Piece, path_pieces
from tracer.model.profile import Profile
from tracer.report.exports.frames import Naming
from tracer.report.exports.pprof import pprof

GO = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")

pytestmark = pytest.mark.skipif(GO is None, reason="Go, whose pprof reads the file, is not here")


class Decoded:
    """What `go tool pprof -raw` prints of a file."""

    def __init__(self, data: bytes, folder: Path) -> None:
        file = folder / "profile.pb.gz"
        file.write_bytes(data)
        assert GO is not None
        command = [GO, "tool", "pprof", "-raw", "-symbolize=none", str(file)]
        env = {**os.environ, "PPROF_TMPDIR": str(folder)}  # Go builds pprof once, into its cache
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr
        self.text = done.stdout
        head, _, rest = self.text.partition("Samples:\n")
        samples, _, rest = rest.partition("Locations\n")
        locations, _, self.mappings = rest.partition("Mappings\n")
        self.head = dict(line.split(": ", 1) for line in head.splitlines())
        self._functions = dict(
            re.findall(r"^ +(\d+): 0x0 (?:M=\d+ )?(.*) s=0\(\)$", locations, re.M)
        )
        self.types, *lines = samples.splitlines()
        self.samples: list[tuple[list[str], int, int]] = []
        self.labels: list[dict[str, str]] = []
        for line in lines:
            if match := re.fullmatch(r" +(\d+) +(\d+): ([\d ]+)", line):
                names = [self._functions[number] for number in match[3].split()]
                self.samples.append((names, int(match[1]), int(match[2])))
                self.labels.append({})
            else:
                self.labels[-1] |= dict(re.findall(r"(\w+):\[(.*?)\]", line))


def test_what_pprof_reads_is_what_was_written(tmp_path: Path) -> None:
    read = Decoded(pprof(path_pieces(PROFILE, WALL), grid_ns=1000, time_ns=10**18), tmp_path)
    spin, pass_on = "ring::spin src/row.rs:40:0", "ring::pass_on src/row.rs:26:0"
    assert read.types == "samples/count path/nanoseconds[dflt]"
    assert read.samples == [  # from the leaf to the root
        ([spin, pass_on], 2, 59_999),
        (["recv :0:0", pass_on], 1, 10_000),
        (["recv :0:0", pass_on], 1, 30_001),
        (["(no sample) :0:0"], 0, 2),
        (["(no sample) :0:0"], 0, 1),
    ]
    assert read.labels[2] == {"part": "syscall:io", "call": "recvfrom", "thread": "hop-*"}
    assert read.labels[3] == {"part": "sleep"}
    assert read.head["Period"] == "1000" and read.head["PeriodType"] == "path nanoseconds"
    assert read.head["Time"].startswith("2001-09-09 01:46:40")
    assert re.findall(r"/\S+\.?\S*(?=  \[FN\])", read.mappings)[0].endswith(RING)


@pytest.mark.parametrize("seed", range(4))
def test_random_profiles(seed: int, tmp_path: Path) -> None:
    """Up to 200 samples, and times up to 10^11 ns, so numbers of up to six bytes."""
    profile, wall = random_profile(seed)
    pieces = [piece for piece in path_pieces(profile, wall) if piece.ns > 0]
    read = Decoded(pprof(pieces), tmp_path)
    assert sum(ns for _names, _count, ns in read.samples) == wall.total_ns

    def key(piece: Piece) -> tuple[str, ...]:
        frames = reversed(Naming(with_part=False).of(piece))
        return tuple(f"{one.name} {one.file}:{one.line}:0" for one in frames)

    expected: Counter[tuple[str, ...]] = Counter()
    for piece in pieces:
        expected[key(piece)] += piece.ns
    found: Counter[tuple[str, ...]] = Counter()
    for names, _count, ns in read.samples:
        found[tuple(names)] += ns
    assert found == expected


def test_the_first_file_is_the_programs(tmp_path: Path) -> None:
    pieces = path_pieces(Profile(PROFILE.samples[1:]), WALL)  # the first stack's leaf is in libc
    read = Decoded(pprof(pieces), tmp_path)
    assert read.mappings.splitlines()[0].startswith(f"1: 0x0/0x0/0x0 {RING} ")


def test_hostile_names(tmp_path: Path) -> None:
    hostile = stack(frame("a\x1b\n1: 0x0\udcff", "/srv/\x1b/app", at="/\x07f.rs:3"))
    profile = Profile((sample("user", 1, hostile),))
    read = Decoded(pprof(path_pieces(profile, Ledger(9, {"user": 9}))), tmp_path)
    assert read.samples == [(["a\\x1b\\n1: 0x0\\xff /\\x07f.rs:3:0"], 1, 9)]
    assert read.text.replace("\n", "").replace("\t", "").isprintable()
