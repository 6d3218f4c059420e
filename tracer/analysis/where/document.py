"""The JSON section `where` of a run's report (docs/schema/tracer.run-2.json)."""

from __future__ import annotations

from typing import Any

from tracer.analysis.where.edges import Edge
from tracer.analysis.where.places import Place, PlaceShare
from tracer.analysis.where.profile import Where
from tracer.analysis.where.tasks import Loop, TaskShare


def section(found: Where) -> dict[str, Any]:
    """The section as plain data; what is not known is null."""
    quality = found.quality
    return {
        "grid_ns": found.grid_ns,
        "points": found.points,
        "lost_points": found.lost,
        "handovers": found.handovers,
        "places": [_share(found, share) for share in found.places],
        "edges": [_edge(edge) for edge in found.edges],
        "tasks": [_task(found, share) for share in found.tasks],
        "loops": [_loop(loop) for loop in found.loops],
        "stacks": {
            "whole_ns": quality.whole_ns,
            "broken_ns": dict(quality.broken_ns),
            "missing_ns": quality.missing_ns,
            "no_sample_ns": quality.no_sample_ns,
            "taken_ns": dict(quality.taken_ns),
            "why_missing": found.missing or None,
            "hints": list(found.hints),
        },
    }


def _share(found: Where, share: PlaceShare) -> dict[str, Any]:
    return {
        **_place(share.place),
        "lines": share.lines,
        "part": share.part,
        "calls": list(share.calls),
        "time_ns": share.ns,
        "share": share.ns / max(found.window_ns, 1),
        "error": share.error,
        "points": share.points,
    }


def _task(found: Where, share: TaskShare) -> dict[str, Any]:
    return {
        "runtime": share.runtime,
        "number": share.number,
        "name": share.name or None,
        "label": share.label or None,
        "time_ns": share.ns,
        "share": share.ns / max(found.window_ns, 1),
        "samples": share.samples,
    }


def _loop(loop: Loop) -> dict[str, Any]:
    task = loop.task
    return {
        "tid": loop.tid,
        "thread": loop.thread,
        "longest_ns": loop.ns,
        "polls": loop.polls,
        "goes_on": loop.is_open,
        "call": loop.call,
        "place": _place(loop.place) if loop.place else None,
        "task": {
            "runtime": task.runtime,
            "number": task.number,
            "name": loop.task_name or None,
            "label": task.label or None,
        }
        if task
        else None,
        "tasks": loop.tasks,
    }


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        "waker": _place(edge.waker),
        "woken": _place(edge.woken),
        "times": edge.times,
        "handovers": edge.handovers,
        "direct": edge.direct,
        "time_ns": edge.ns,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "function": place.function,
        "module": place.module or None,
        "file": place.file or None,
        "line": place.line or None,
        "called": place.called or None,
        "own": place.is_own,
    }
