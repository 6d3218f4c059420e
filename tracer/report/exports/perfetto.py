"""The format of ui.perfetto.dev: a protobuf of packets, made with Perfetto's own package.

Fields: https://perfetto.dev/docs/reference/synthetic-track-event
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer.analysis.events.timeline import CALLS, CPU, PATH, STATE, Timeline, Track
from tracer.errors import TracerError
from tracer.host.installation import installation
from tracer.units import plain

_SEQUENCE = 1
#: Tracks that hold others, and the counter; those of CPUs and threads are numbered from 16 on.
_CPUS, _PATH, _READY = 1, 2, 3
_FIRST, _KINDS = 16, 4


def perfetto(made: Timeline, threads: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """The file: tracks of the path, of CPUs, of threads (calls, and states below), the counter of
    ready threads, arrows from wakers to the woken.

    `threads`: of the recording's metadata. TracerError where the package is missing.
    """
    try:
        from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema
        from perfetto.trace_builder.proto_builder import TraceProtoBuilder
    except ImportError:
        raise TracerError(
            "this format needs the package perfetto, which is not installed",
            installation().to_add("export"),
        ) from None
    writer = _Writer(TraceProtoBuilder(), schema.TrackEvent)
    writer.tracks(made, threads, title)
    for span in made.spans:
        event = writer.event(span.start_ns, span.track, schema.TrackEvent.TYPE_SLICE_BEGIN)
        event.name = span.name
        if span.flow:
            event.terminating_flow_ids.append(span.flow)
        writer.event(span.end_ns, span.track, schema.TrackEvent.TYPE_SLICE_END)
    for wake in made.wakes:
        event = writer.event(wake.at_ns, wake.track, schema.TrackEvent.TYPE_INSTANT)
        event.name = wake.name
        event.flow_ids.append(wake.flow)
    for at_ns, value in made.ready:
        event = writer.on_track(at_ns, _READY, schema.TrackEvent.TYPE_COUNTER)
        event.counter_value = value
    data: bytes = writer.builder.serialize()
    return data


class _Writer:
    def __init__(self, builder: Any, event_class: Any) -> None:
        self.builder = builder
        self._events = event_class

    def event(self, at_ns: int, track: Track, kind: int) -> Any:
        return self.on_track(at_ns, _uuid(track), kind)

    def on_track(self, at_ns: int, uuid: int, kind: int) -> Any:
        packet = self.builder.add_packet()
        packet.timestamp = at_ns
        packet.trusted_packet_sequence_id = _SEQUENCE
        packet.track_event.type = kind
        packet.track_event.track_uuid = uuid
        return packet.track_event

    def tracks(self, made: Timeline, threads: Sequence[Mapping[str, Any]], title: str) -> None:
        """Describe every track that the spans and wake-ups are on."""
        self._track(_PATH, f"critical path of {title}")
        self._track(_CPUS, "CPUs")
        self._track(_READY, "ready threads").counter.unit = 2  # UNIT_COUNT
        used = {span.track for span in made.spans} | {wake.track for wake in made.wakes}
        for cpu in sorted(track.number for track in used if track.kind == CPU):
            self._track(_uuid(Track(CPU, cpu)), f"CPU {cpu}", _CPUS)
        by_slot = {int(thread["slot"]): thread for thread in threads}
        for slot in sorted({t.number for t in used if t.kind in (CALLS, STATE)}):
            self._thread(slot, by_slot.get(slot, {}))

    def _thread(self, slot: int, thread: Mapping[str, Any]) -> None:
        described = self._track(_uuid(Track(CALLS, slot)), "")
        # a thread that the metadata lacks keeps a number of its own, outside those of Linux
        tid = int(thread.get("tid") or (1 << 30) + slot)
        described.thread.tid, described.thread.pid = tid, int(thread.get("tgid") or tid)
        described.thread.thread_name = plain(str(thread.get("name") or f"thread {slot}"))
        self._track(_uuid(Track(STATE, slot)), "state", _uuid(Track(CALLS, slot)))

    def _track(self, uuid: int, name: str, parent: int = 0) -> Any:
        packet = self.builder.add_packet()
        packet.trusted_packet_sequence_id = _SEQUENCE
        packet.track_descriptor.uuid = uuid
        if name:
            packet.track_descriptor.name = name
        if parent:
            packet.track_descriptor.parent_uuid = parent
        return packet.track_descriptor


def _uuid(track: Track) -> int:
    if track.kind == PATH:
        return _PATH
    return _FIRST + track.number * _KINDS + (CPU, CALLS, STATE).index(track.kind)
