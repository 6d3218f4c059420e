"""The last seconds of a run: what is kept of it, and the condition that ends it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from harness.machine import Machine, compiler
from harness.world import SLEEPING, World

from tracer.host import recordings
from tracer.host.recorder import Recorder
from tracer.host.spool import Segments
from tracer.kernel.event_reader import EventReader
from tracer.kernel.flight import Flight, Watch, begun
from tracer.model.events import Kind, decoded
from tracer.model.states import PART, RunState
from tracer.model.trigger import parse


@pytest.fixture(scope="module")
def recording_machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if compiler() is None:
        pytest.skip("no C compiler")
    build = tmp_path_factory.mktemp("machine")
    names = ("events", "sched", "syscalls")
    return Machine(build, names, settings_of_probes={"RECORDS_OF_CPU": 1024})


@pytest.fixture
def w(recording_machine: Machine) -> World:
    world = World(recording_machine)
    world.open()
    return world


class Clock:
    """CLOCK_MONOTONIC, that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ns: int) -> None:
        self.ns = ns
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.ns)
        monkeypatch.setattr(time, "monotonic", lambda: self.ns / 1e9)


S = 1_000_000_000


def flying(w: World, recorder: Recorder) -> tuple[EventReader, Flight]:
    """A recorder that has begun, with what reads the rings into it from here on."""
    recorder.begin(())
    assert isinstance(recorder.spool, Segments)
    reader = EventReader(w.m.arrays)
    flight = reader.sink = Flight(w.m.arrays, recorder.spool)
    w.m.arrays["record_rings"]["read"] = w.m.arrays["record_rings"]["made"]
    return reader, flight


def test_states_are_told_as_the_programs_tell_them(w: World) -> None:
    """The record of a living row is that which its first event in a window would have made."""
    w.enter(1100, 0, "read", 5)
    w.switch(1200, 0, None, SLEEPING)
    states = begun(w.m.arrays.threads[1:])
    w.ctl["epoch"] += 1  # a window of its own
    w.ctl["start_ns"] = 1250
    w.switch(1290, 1, w.tracer)
    w.waking(1300, 1, w.main)
    size = 1024
    made = int(w.m.arrays["record_rings"]["made"][1])
    rows = decoded(w.m.arrays["records"][size : size + made], 1)
    first = rows[rows["kind"] == Kind.BEGIN][-1]
    told = decoded(states, 1)[0]
    assert int(told["what"]) & 0xFF == RunState.BLOCKED
    assert (int(told["extra"]) >> 8 & 0xFF) == PART["blocked:io"]
    for name in ("kind", "thread", "extra", "what"):
        assert told[name] == first[name]


def test_only_the_last_seconds_are_kept(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, 10 * S)
    with Recorder(str(tmp_path / "r"), last_s=4.0) as recorder:
        reader, flight = flying(w, recorder)
        for tenth in range(100, 200):
            clock.ns = tenth * S // 10
            w.raw(clock.ns, 2, "cpu_idle", tenth, 2)
            reader._look()
            clock.ns += 1000
            flight.looked()
        # never much more than that is on the disk
        sizes = [file.stat().st_size for file in (tmp_path / "r").glob("spool-*.raw")]
        assert sum(sizes) <= 24 * 46
        end_ns = clock.ns
        w.ctl["start_ns"], w.ctl["end_ns"], w.ctl["phase"] = 10 * S, end_ns, 2
        kept = recorder.keep(w.recording(), {})
        told = recorder.end({})
    events = recordings.read(tmp_path / "r")
    assert told.startswith(f"recorded {kept.events} events")
    assert end_ns - 4.6 * S < events.start_ns <= end_ns - 4 * S
    assert events.end_ns == end_ns
    idle = events.rows[events.rows["kind"] == Kind.IDLE]
    assert idle["extra"].tolist() == list(range(200 - len(idle), 200))
    assert 40 <= len(idle) <= 46
    begun_rows = events.rows[events.rows["kind"] == Kind.BEGIN]
    assert begun_rows["t_ns"].tolist() == [events.start_ns]
    assert begun_rows["thread"].tolist() == [w.main.slot]
    meta = recordings.read_meta(tmp_path / "r")
    assert meta["last"]["seconds"] == 4 and meta["last"]["since_ns"] == events.start_ns
    assert {file.suffix for file in (tmp_path / "r").iterdir()} == {".json", ".npz", ".parquet"}


def test_a_shorter_run_is_kept_whole(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, 10 * S)
    with Recorder(str(tmp_path / "r"), last_s=4.0) as recorder:
        reader, flight = flying(w, recorder)
        w.m.arrays["record_rings"]["read"] = 0
        for tenth in range(100, 130):
            clock.ns = tenth * S // 10
            reader._look()
            flight.looked()
        w.close(2000)
        recorder.keep(w.recording(), {})
        recorder.end({})
    events = recordings.read(tmp_path / "r")
    assert events.start_ns == 1000
    assert events.rows["t_ns"].min() < 1000  # also what came before the window
    assert len(events.rows) >= int(w.m.arrays["record_rings"]["made"].sum()) - 2


def test_a_kill_leaves_the_last_seconds(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, 10 * S)
    recorder = Recorder(str(tmp_path / "r"), last_s=1.0)
    reader, flight = flying(w, recorder)
    for tenth in range(100, 150):
        clock.ns = tenth * S // 10
        w.raw(clock.ns, 2, "cpu_idle", tenth, 2)
        reader._look()
        flight.looked()
    recorder.close()
    events = recordings.read(tmp_path / "r")
    idle = events.rows[events.rows["kind"] == Kind.IDLE]
    assert 10 <= len(idle) <= 16 and idle["extra"][-1] == 149
    assert (events.rows["kind"] == Kind.BEGIN).sum() == 1


def test_on_a_full_disk_the_last_seconds_before_it_stay(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, 10 * S)
    with Recorder(str(tmp_path / "r"), last_s=1.0) as recorder:
        reader, flight = flying(w, recorder)
        for tenth in range(100, 150):
            clock.ns = tenth * S // 10
            w.raw(clock.ns, 2, "cpu_idle", tenth, 2)
            if tenth == 130:
                recorder.spool.failure = "No space left on device"
            reader._look()
            flight.looked()
        w.close(2000)
        kept = recorder.keep(w.recording(), {})
        recorder.end({})
    assert kept.truncated == "No space left on device"
    events = recordings.read(tmp_path / "r")
    idle = events.rows[events.rows["kind"] == Kind.IDLE]
    assert 10 <= len(idle) <= 16 and idle["extra"][-1] == 129


# ---- the condition ----


def test_a_time_is_that_of_the_last_second(w: World) -> None:
    w.enter(1100, 0, "read", 5)
    w.switch(1200, 0, None, SLEEPING)
    w.switch(1290, 1, w.tracer)
    w.waking(1300, 1, w.main)
    w.switch(1300 + 900_000, 0, w.main)
    watch = Watch(w.m.arrays, parse("max wakeup > 100us"))
    assert watch.look(time.monotonic_ns()) == ""  # that was before
    w.switch(2_000_000, 0, None, SLEEPING)
    w.waking(2_100_000, 1, w.main)
    w.switch(2_150_000, 0, w.main)
    assert watch.look(time.monotonic_ns()) == ""  # 50 us
    w.switch(3_000_000, 0, None, SLEEPING)
    w.waking(3_100_000, 1, w.main)
    w.switch(3_228_000, 0, w.main)
    told = watch.look(time.monotonic_ns())
    assert told.startswith("max wakeup > 100us: it was 12") and told.endswith(" ns")


def test_a_rate_is_a_second_s(w: World) -> None:
    watch = Watch(w.m.arrays, parse("events > 900/s"))
    began_ns = watch._before_ns
    for number in range(500):
        w.enter(2000 + 2 * number, 0, "getpid")
        w.leave(2001 + 2 * number, 0, 1)
    assert watch.look(began_ns + S).startswith("events > 900/s: it was 1,000/s")
    assert watch.look(began_ns + 2 * S) == ""


def test_the_end_is_asked_for_in_an_open_window_alone(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, fired = Clock(monkeypatch, 10 * S), list[str]()
    with Recorder(str(tmp_path / "r"), last_s=4.0) as recorder:
        recorder.begin(())
        assert isinstance(recorder.spool, Segments)
        trigger = parse("events < 10/s")
        flight = Flight(w.m.arrays, recorder.spool, trigger, fired.append)
        w.ctl["phase"] = 0
        clock.ns += 2 * S
        flight.looked()
        assert fired == []
        w.ctl["phase"] = 1
        clock.ns += S // 2
        flight.looked()
        assert fired == []  # not looked at yet
        clock.ns += S
        flight.looked()
        assert fired == ["events < 10/s: it was 0/s"]
