"""Locks as probe futex tells them."""

from typing import Any

from tracer.model.states import OWN_PARTS

OTHER = {"policy": "other", "nice": 0, "priority": None}


def nice(value: int) -> dict[str, Any]:
    return {**OTHER, "nice": value}


def waiter(name: str, slept: int, asleep_ns: int, **more: Any) -> dict[str, Any]:
    """A thread that slept so often, for so long."""
    return {
        "name": name, "threads": 1, "waits": slept, "slept": slept, "asleep_ns": asleep_ns,
        "timed_out": 0, "timed_ns": 0, "scheduling": OTHER, **more,
    }  # fmt: skip


def group(name: str, ns: int, scheduling: Any = OTHER) -> dict[str, Any]:
    return {"name": name, "ns": ns, "scheduling": scheduling}


def lock(who: dict[str, Any], holder: str, **more: Any) -> dict[str, Any]:
    """A mutex that `who` waited for, and `holder` had."""
    ns = who["asleep_ns"]
    return {
        "tgid": 12345, "address": "0x55ad29f19d40", "where": "app: m + 0x40", "kind": "mutex",
        "waits": who["waits"], "asleep_ns": ns, "held_ns": ns, "holder_ready_ns": 0,
        "holder_ran_ns": ns, "wakes": 2 * who["waits"], "longest": {**who, "threads": 1},
        "waiters": [who], "holders": [group(holder, ns)], "instead": [], **more,
    }  # fmt: skip


def futex(*locks: dict[str, Any], broadcasts: Any = ()) -> dict[str, Any]:
    """The section of the document."""
    counts = {"operations": [], "addresses": [], "other_addresses": 0, "unplaced_calls": 0}
    return {"futex": {**counts, "locks": list(locks), "broadcasts": list(broadcasts)}}


def row(**more: Any) -> dict[str, Any]:
    """A row of `threads` or `thread_groups`."""
    parts = dict.fromkeys(OWN_PARTS, 0) | more.pop("parts", {})
    return {
        "parts": parts, "behind_own_ns": 0, "behind_other_ns": 0, "held_ns": 0, "voluntary": 0,
        "involuntary": 3, "migrations": 1, **more,
    }  # fmt: skip
