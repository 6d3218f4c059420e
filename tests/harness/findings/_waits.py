"""Rows of the probe waits for planted documents."""

from collections.abc import Mapping
from typing import Any

from tracer.model.states import OWN_PARTS


def wait(
    call: str,
    cls: str,
    calls: int,
    each_ns: int,
    ended_by: str = "process",
    outcome: str = "done",
    **more: Any,
) -> dict[str, Any]:
    """Calls that slept for `each_ns`; `more`: pid, group, threads, polls, bytes, descriptors."""
    band_ns = 0 if each_ns < 1 << 16 else 1 << (each_ns.bit_length() - 1)
    total_ns = calls * each_ns
    return {
        "pid": 4711, "group": "worker", "threads": 1, "call": call, "class": cls,
        "ended_by": ended_by, "outcome": outcome, "calls": calls, "total_ns": total_ns,
        "least_ns": each_ns, "longest_ns": each_ns, "span_ns": total_ns, "of_pool": 0, "polls": 0,
        "bytes": 0,
        "bands": [{"from_ns": band_ns, "calls": calls, "total_ns": total_ns}],
        "descriptors": [], **more,
    }  # fmt: skip


def group(name: str, threads: int = 1, **parts: int) -> dict[str, Any]:
    """A row of `thread_groups`; parts by name, with `__` for `:`."""
    own = dict.fromkeys(OWN_PARTS, 0) | {part.replace("__", ":"): ns for part, ns in parts.items()}
    return {
        "name": name, "threads": threads, "idle": 0, "idle_ns": 0, "parts": own,
        "behind_own_ns": 0, "behind_other_ns": 0, "held_ns": 0, "voluntary": 0, "involuntary": 0,
        "migrations": 0,
    }  # fmt: skip


def on(kind: str, name: str | None = None, own_port: int | None = None,
       peer_port: int | None = None, peer: str | None = None) -> dict[str, Any]:  # fmt: skip
    """A descriptor."""
    if peer_port and peer is None:
        peer = "127.0.0.1"
    text = f"{kind} {peer}:{peer_port}" if peer_port else f"{kind} {name or ''}".strip()
    return {
        "kind": kind, "name": name, "text": text, "own_port": own_port, "peer": peer,
        "peer_port": peer_port, "peer_pid": None, "calls": 1, "total_ns": 1,
    }  # fmt: skip


def rows(*found: Mapping[str, Any]) -> dict[str, Any]:
    """The member `waits`."""
    return {"rows": list(found), "other_rows": 0, "unplaced_calls": 0}
