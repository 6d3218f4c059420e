"""Broken recordings: make fuzz. Each is refused with a reason, or read as what it was; what can be
read, a command answers about.

Every case is made by a generator of random numbers with a fixed start: it can be made again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click.testing
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from harness.recorded_world import RING, RecordedWorld, recorded_run, recording_machine  # noqa: E402
from harness.summarized import planted_summary  # noqa: E402

from tracer.analysis.events.views import VIEWS  # noqa: E402
from tracer.analysis.run.document import document  # noqa: E402
from tracer.cli.export import FORMATS  # noqa: E402
from tracer.cli.main import cli  # noqa: E402
from tracer.errors import TracerError  # noqa: E402
from tracer.host import recordings, vectors  # noqa: E402
from tracer.host.recorder import Recorder  # noqa: E402

_STEPS = 3000
#: Values that stand in the place of one in meta.json.
_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**31, 2**64, 1e308, "", "x" * 1000, [], {}, [[]], {"a": 1}, [1, "a"]),
)


def seed(folder: Path, world: RecordedWorld, *, ended: bool) -> None:
    """A right recording; one that is not `ended` is as after a kill."""
    records, made = world.m.arrays["records"], world.m.arrays["record_rings"]["made"].tolist()
    with Recorder(str(folder)) as recorder:
        recorder.begin(("a", "program"))
        for cpu, number in enumerate(made):
            recorder.spool.put(cpu, records[cpu * RING : cpu * RING + number].copy())
        if ended:
            recorder.keep(world.recording(), {(0, 3): 5})
            recorder.end(document(planted_summary()))


def _flip(data: bytearray, random_: random.Random) -> None:
    for _ in range(random_.choice((1, 1, 4, 64))):
        data[random_.randrange(len(data))] = random_.randrange(256)


def _cut(data: bytearray, random_: random.Random) -> None:
    del data[random_.randrange(len(data)) :]


def _lose(data: bytearray, random_: random.Random) -> None:
    at = random_.randrange(len(data))
    del data[at : at + random_.randrange(1, 200)]


def _zero(data: bytearray, random_: random.Random) -> None:
    at = random_.randrange(len(data))
    end = min(at + random_.randrange(1, 4096), len(data))
    data[at:end] = bytes(end - at)


def _repeat(data: bytearray, random_: random.Random) -> None:
    at = random_.randrange(len(data))
    data[at:at] = data[at : at + random_.randrange(1, 4096)]


def _replace(data: bytearray, random_: random.Random) -> None:
    data[:] = random_.randbytes(random_.randrange(0, 300))


_CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip, _flip, _flip, _cut, _lose, _zero, _repeat, _replace),
)


def _change_member(file: Path, random_: random.Random) -> None:
    """Give one value in meta.json another one, or take it away."""
    meta = json.loads(file.read_text())
    holder: Any = meta
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = random_.choice(keys)
        inner = holder[key]
        if not isinstance(inner, (dict, list)) or not inner or random_.random() < 0.4:
            break
        holder = inner
    if random_.random() < 0.2:
        del holder[key]
    else:
        holder[key] = random_.choice(_VALUES)
    file.write_text(json.dumps(meta))


def mutate(folder: Path, random_: random.Random) -> str:
    """Break one file of it; which."""
    file = random_.choice(sorted(folder.iterdir()))
    how = random_.random()
    if how < 0.05:
        file.unlink()
    elif how < 0.1:
        file.unlink()
        file.mkdir()
    elif how < 0.15:
        file.rename(folder / random_.choice(("spool-9.raw", "events-00001.parquet", "spool-x.raw")))
    elif file.name == recordings.META and how < 0.7:
        _change_member(file, random_)
    else:
        data = bytearray(file.read_bytes())
        random_.choice(_CHANGES)(data, random_)
        file.write_bytes(data)
    return file.name


def _read(reads: Callable[[Path], Any], folder: Path) -> Any:
    """None where it is refused."""
    try:
        return reads(folder)
    except TracerError as error:
        assert error.message and error.hint
        return None


#: The words of a command, without the recording's.
_COMMANDS = (
    *(("hops",), ("hops", "--nth", "3"), ("path",), ("report",), ("explain", "--from")),
    *(("query", f"SELECT * FROM {view} LIMIT 3") for view in VIEWS),
    *(("export", "--format", name, "-o", os.devnull) for name in FORMATS),
)


def ask(folder: Path, random_: random.Random) -> None:
    """One command, which answers or refuses; AssertionError for anything else."""
    name, *options = random_.choice(_COMMANDS)
    words = [name, *options, str(folder)] if name == "explain" else [name, str(folder), *options]
    error = click.testing.CliRunner().invoke(cli, words, standalone_mode=False).exception
    assert error is None or (isinstance(error, TracerError) and error.message), (words, error)


def check(folder: Path, right: np.ndarray[Any, Any] | None) -> str:
    """`read` or `refused`; AssertionError where it is read as something else than `right`, where
    that is given."""
    _read(vectors.kept, folder)
    _read(recordings.read_report, folder)
    events = _read(recordings.read, folder)
    if events is None:
        return "refused"
    assert (np.diff(events.rows["t_ns"]) >= 0).all()
    if right is not None:
        assert np.array_equal(events.rows, right)
    return "read"


def run(folder: Path, cases: int, start: int = 1) -> Iterator[Counter[str]]:
    """Break and read so many recordings; what became of them, after each."""
    build = folder / "build"
    build.mkdir()
    world = recorded_run(recording_machine(build), 7, _STEPS)
    seeds = []
    for ended in (True, False):
        at = folder / f"seed-{ended}"
        seed(at, world, ended=ended)
        seeds.append((at, recordings.read(at).rows))
    found: Counter[str] = Counter()
    for number in range(start, start + cases):
        random_ = random.Random(number)
        at, right = random_.choice(seeds)
        case = folder / "case"
        shutil.copytree(at, case)
        broken = mutate(case, random_)
        # the raw records have no check sums, and another raw file adds to them
        is_checked = at == seeds[0][0] and not list(case.glob("spool-[0-9]*"))
        try:
            found[check(case, right if is_checked else None)] += 1
            ask(case, random_)
        except Exception as error:
            raise AssertionError(f"case {number}, {broken}: {error!r}") from error
        shutil.rmtree(case)
        yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=1, help="of the random numbers")
    options = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        for found in run(Path(name), options.cases, options.start):
            if found.total() % 1000 == 0:
                print(f"{found.total()} recordings", flush=True)
    print(f"{found.total()} recordings in {time.monotonic() - began_s:.0f} s: {found['refused']}"
          f" refused, {found['read']} read")  # fmt: skip


if __name__ == "__main__":
    main()
