"""Spans on tracks, slices, and Perfetto's own schema reading what is written."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from harness.event_stream import Stream, pushed_off

from tracer.analysis.events.hops import hops_of
from tracer.analysis.events.naming import Naming
from tracer.analysis.events.slices import MOST_EVENTS, Slice, slice_of
from tracer.analysis.events.timeline import CALLS, CPU, PATH, STATE, Span, Track, timeline
from tracer.errors import TracerError
from tracer.model.events import Events
from tracer.report.exports.perfetto import perfetto

WRITER, READER = 1, 2
THREADS = [
    {"slot": WRITER, "tid": 101, "tgid": 101, "name": "writer"},
    {"slot": READER, "tid": 102, "tgid": 101, "name": "rea\x1bder"},
]
T = Stream.ORIGIN


def _events() -> Events:
    return pushed_off(WRITER, READER).events(50)


def _made() -> dict[Track, list[tuple[str, int, int]]]:
    events = _events()
    naming = Naming(THREADS, "x86_64")
    found = timeline(events, slice_of(None, events, lambda: hops_of(events, "x86_64")), naming)
    tracks: dict[Track, list[tuple[str, int, int]]] = defaultdict(list)
    for span in found.spans:
        tracks[span.track].append((span.name, span.start_ns - T, span.end_ns - T))
    assert [(at - T, value) for at, value in found.ready] == [(13, 1), (24, 2), (31, 1)]
    (wake,) = found.wakes
    assert (wake.track, wake.at_ns - T) == (Track(CALLS, WRITER), 13)
    (ended,) = [span for span in found.spans if span.flow]
    assert (ended.track, ended.name, ended.start_ns - T) == (Track(STATE, READER), "running", 31)
    assert ended.flow == wake.flow
    return tracks


def test_spans_tile_their_tracks() -> None:
    tracks = _made()
    assert tracks[Track(CPU, 0)] == [
        ("writer 101", 0, 24),
        ("another program (tid 999)", 24, 31),
        ("rea\\x1bder 102", 31, 50),
    ]
    assert tracks[Track(STATE, WRITER)] == [("running", 0, 24), ("pushed off, ready", 24, 50)]
    assert tracks[Track(STATE, READER)] == [
        ("asleep", 0, 13),
        ("ready", 13, 31),
        ("running", 31, 50),
    ]
    assert tracks[Track(CALLS, WRITER)] == [("sendto", 10, 15)]
    assert tracks[Track(CALLS, READER)] == [("recvfrom", 0, 36)]


def test_perfetto_reads_what_is_written() -> None:
    """Decoded by the schema of Perfetto's package; slices nest, flows have both ends."""
    from google.protobuf import unknown_fields
    from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb2

    events = _events()
    part = slice_of(None, events, lambda: hops_of(events, "x86_64"))
    path = [Span(Track(PATH), "sendto: writer 101", T, T + 13)]
    made = timeline(events, part, Naming(THREADS, "x86_64"), path)
    trace = pb2.Trace()
    trace.ParseFromString(perfetto(made, THREADS, "a test"))
    described, depth, flows = {}, defaultdict(int), defaultdict(list)
    counters = []
    for packet in trace.packet:
        assert not len(unknown_fields.UnknownFieldSet(packet))
        if packet.HasField("track_descriptor"):
            described[packet.track_descriptor.uuid] = packet.track_descriptor
            continue
        event = packet.track_event
        assert event.track_uuid in described
        assert T <= packet.timestamp <= T + 50
        if event.type == event.TYPE_COUNTER:
            counters.append((packet.timestamp - T, event.counter_value))
            assert described[event.track_uuid].HasField("counter")
        depth[event.track_uuid] += {1: 1, 2: -1}.get(event.type, 0)
        for flow in [*event.flow_ids, *event.terminating_flow_ids]:
            flows[flow].append(event.name)
    assert not any(depth.values())
    assert list(flows.values()) in ([["running", "wakes rea\\x1bder 102"]],
                                    [["wakes rea\\x1bder 102", "running"]])  # fmt: skip
    assert counters == [(13, 1), (24, 2), (31, 1)]
    names = {d.thread.thread_name: (d.thread.pid, d.thread.tid) for d in described.values()
             if d.HasField("thread")}  # fmt: skip
    assert names == {"writer": (101, 101), "rea\\x1bder": (101, 102)}
    assert all(d.parent_uuid in described for d in described.values() if d.parent_uuid)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("10ns..20ns", 10, 20),
        ("..30ns", 0, 30),
        ("0.01us..", 10, 50),
        ("0s..9s", 0, 50),
        ("worst-hop", 0, 50),
        ("median-hop", 0, 50),
    ],
)
def test_slices(text: str, start: int, end: int) -> None:
    events = _events()
    part = slice_of(text, events, lambda: hops_of(events, "x86_64"))
    assert (part.start_ns - T, part.end_ns - T) == (start, end)


@pytest.mark.parametrize("text", ["", "10", "20ns..10ns", "1s..2s", "x..y", "1.2.3s..", "best-hop"])
def test_refused_slices(text: str) -> None:
    events = _events()
    with pytest.raises(TracerError) as refused:
        slice_of(text, events, lambda: hops_of(events, "x86_64"))
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("is_within", [False, True])
def test_a_big_recording_is_exported_in_part_and_says_so(is_within: bool) -> None:
    """Also where there are as many events within its longest hop."""
    stream = Stream()
    stream.enter(-100, READER, "recvfrom", 7)
    stream.switch(-90, READER, WRITER)
    stream.enter(1_000_010, WRITER, "sendto", 6)
    stream.waking(1_000_013, WRITER, READER)
    stream.switch(1_000_020, WRITER, READER)
    stream.leave(1_000_030, READER, "recvfrom", 1)
    events = stream.events(3_000_000)
    noise = np.repeat(events.rows[-1:], MOST_EVENTS)
    noise["kind"] = 10
    noise["t_ns"] += 100 if is_within else 1_000_000
    many = Events(np.concatenate([events.rows, noise]), events.start_ns, events.end_ns, 0)
    part = slice_of(None, many, lambda: hops_of(many, "x86_64"))
    assert "200k events" in part.what
    start_ns = 1_000_130 if is_within else 900_010
    assert part == Slice(T + start_ns, T + 1_100_030, part.what, is_part=True)
    assert part.what.startswith("the last 200k events of") == is_within
