"""Broken recordings: make fuzz. Each is refused with a reason, or read as what it was.

Every case is made by a generator of random numbers with a fixed start: it can be made again.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from harness.machine import Machine  # noqa: E402
from harness.world import World  # noqa: E402

from tracer.errors import TracerError  # noqa: E402
from tracer.host import recordings, vectors  # noqa: E402
from tracer.host.recorder import Recorder  # noqa: E402
from tracer.model.events import RECORD_DTYPE, Kind  # noqa: E402
from tracer.model.recording import Recording  # noqa: E402

_CPUS, _EVENTS = 3, 3000
#: Values that stand in the place of one in meta.json.
_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**31, 2**64, 1e308, "", "x" * 1000, [], {}, [[]], {"a": 1}, [1, "a"]),
)


def seed(folder: Path, run: Recording, *, ended: bool) -> None:
    """A right recording; one that is not `ended` is as after a kill."""
    numbers = np.random.default_rng(7)
    with Recorder(str(folder)) as recorder:
        recorder.begin(("a", "program"))
        for cpu in range(_CPUS):
            rows = np.zeros(_EVENTS, RECORD_DTYPE)
            times = np.cumsum(numbers.integers(0, 10_000, _EVENTS)).astype(np.uint64)
            kinds = numbers.integers(1, len(Kind) + 1, _EVENTS).astype(np.uint64)
            rows["when"] = kinds << np.uint64(56) | times << np.uint64(1) | np.uint64(1)
            for name, most in (("thread", 60), ("extra", 300), ("what", 1 << 40)):
                rows[name] = numbers.integers(0, most, _EVENTS)
            recorder.spool.put(cpu, rows)
        if ended:
            recorder.keep(run, {(0, 3): 5})
            recorder.end({"schema": "tracer.run/2"})


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
    world = World(Machine(build))
    world.open()
    world.close(2000)
    seeds = []
    for ended in (True, False):
        at = folder / f"seed-{ended}"
        seed(at, world.recording(), ended=ended)
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
