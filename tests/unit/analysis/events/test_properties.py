"""What holds for the replay of any events: of legal schedules, and of damaged ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from harness.machine import Machine
from harness.recorded_world import recorded_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracer.analysis.events.replay import Replayed, replay
from tracer.errors import TracerError
from tracer.host import replaying
from tracer.model.events import Events, Kind

#: Each example starts the program several times; a busy host is slow at that.
_SETTINGS = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
#: Kinds whose `what` has a thread in its low half.
_WITH_OTHER = (Kind.SWITCH, Kind.WAKING, Kind.NEW)
schedules = st.integers(0, 1 << 30)


def same(one: Replayed, other: Replayed) -> None:
    for name in ("threads", "cpus", "calls", "sched", "segments", "path"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


@_SETTINGS
@given(schedules)
def test_segments_tile_every_life_and_the_path_tiles_the_window(
    recording: Machine, seed: int
) -> None:
    found = recorded_run(recording, seed).compare()
    for row, thread in enumerate(found.threads):
        of_it = found.segments[found.segments["thread"] == row]
        of_it = of_it[np.argsort(of_it["start_ns"], kind="stable")]
        begin = max(found.start_ns, int(thread["birth_ns"]))
        end = int(thread["death_ns"]) or found.end_ns
        if end <= begin:
            continue
        assert of_it["start_ns"].tolist() == [begin, *of_it["end_ns"][:-1].tolist()]
        assert int(of_it["end_ns"][-1]) == end
    path = found.path
    assert path["start_ns"].tolist() == [found.start_ns, *path["end_ns"][:-1].tolist()]
    vector = np.bincount(path["part"], path["end_ns"] - path["start_ns"], minlength=18)
    assert vector.tolist() == found.threads["path"][found.end_row].tolist()


@_SETTINGS
@given(schedules, st.randoms(use_true_random=False))
def test_renumbering_threads_changes_nothing(recording: Machine, seed: int, random) -> None:  # type: ignore[no-untyped-def]
    world = recorded_run(recording, seed)
    events, found = world.events(), world.replayed()
    slots = list(range(1, int(world.ctl["next_slot"])))
    new = np.array([0, *random.sample(range(1, 5000), len(slots))])
    rows = events.rows.copy()
    rows["thread"] = new[rows["thread"]]
    others = np.isin(rows["kind"], _WITH_OTHER)
    low = rows["what"] & np.uint64(0x7FFFFFFF)
    renumbered = (rows["what"] - low) + new[low.astype(int) * others].astype(np.uint64)
    rows["what"] = np.where(others, renumbered, rows["what"])
    holder = rows["kind"] == Kind.WAKING
    rows["extra"][holder] = new[rows["extra"][holder]]
    first = world.m.arrays["threads"][1]
    known = [(int(new[1]), int(first["tid"]), int(first["tgid"]))]
    renamed = replay(
        replace(events, rows=rows, end_slot=int(new[events.end_slot])), known, machine="x86_64"
    )
    renamed.threads["slot"].tolist()
    assert renamed.threads["slot"].tolist() == new[found.threads["slot"]].tolist()
    for name in ("own", "path", "voluntary", "involuntary", "migrations", "state"):
        assert renamed.threads[name].tolist() == found.threads[name].tolist()
    assert renamed.path.tobytes() == found.path.tobytes()
    assert renamed.segments.tobytes() == found.segments.tobytes()


@_SETTINGS
@given(schedules, st.integers(1, 40))
def test_how_the_stream_is_cut_changes_nothing(recording: Machine, seed: int, size: int) -> None:
    world = recorded_run(recording, seed)
    found = world.replayed()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replaying, "_BLOCK", size)
        same(world.replayed(), found)


@_SETTINGS
@given(schedules, st.integers(0, 400))
def test_what_comes_later_does_not_change_what_was_before(
    recording: Machine, seed: int, kept: int
) -> None:
    """Of a recording that was cut off all segments that were over by then are the same."""
    world = recorded_run(recording, seed)
    events, found = world.events(), world.replayed()
    opened = int(np.flatnonzero(events.rows["kind"] == Kind.WINDOW)[0])
    rows = events.rows[: opened + 1 + kept]
    end_ns = int(rows["t_ns"][-1])
    cut = world.replayed(Events(rows, events.start_ns, end_ns, 0))
    over = cut.segments[cut.segments["is_open"] == 0]
    assert over.tobytes() == found.segments[: len(over)].tobytes()


@settings(_SETTINGS, max_examples=40)
@given(schedules, st.data())
def test_damaged_events_are_refused_or_give_some_books(
    recording: Machine, seed: int, data: st.DataObject
) -> None:
    """Never a crash: the program says which event it refuses, or goes on with `unknown`."""
    world = recorded_run(recording, seed % 7)
    events = world.events()
    rows = events.rows.copy()
    raw = rows.view(np.uint8).reshape(len(rows), -1)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(rows) - 1))
        raw[at, data.draw(st.integers(8, raw.shape[1] - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        rows = np.delete(rows, data.draw(st.integers(0, len(rows) - 1)))
    try:
        found = world.replayed(Events(rows, events.start_ns, events.end_ns, events.end_slot))
    except TracerError as error:
        assert "is damaged" in error.message
    else:
        assert (found.segments["end_ns"] > found.segments["start_ns"]).all()
