"""The columns of a recording's events, for SQL: numbers as numpy arrays, names as lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tracer.analysis.events.hops import hops_of
from tracer.analysis.events.in_one_thread import RECEIVES, SENDS
from tracer.analysis.events.index import Calls, Presence, byte_of, columns_of, low_half
from tracer.analysis.events.replay import Replayed
from tracer.model import syscalls
from tracer.model.events import Events, Kind
from tracer.model.hops import KINDS, PARTS
from tracer.model.states import OWN_PARTS, SOURCES

Columns = Mapping[str, Any]


class Tables:
    """Makes each table when it is asked for. `threads`: of the recording's metadata; `replayed`
    replays the events, for the path."""

    def __init__(
        self,
        events: Events,
        threads: Sequence[Mapping[str, Any]],
        machine: str,
        replayed: Callable[[], Replayed],
    ) -> None:
        self._events = events
        self._replayed = replayed
        self._listed = threads
        self._machine = machine

    def table(self, name: str) -> Columns:
        """The columns of `_switches` and so on; times in ns since the window opened."""
        made: Columns = getattr(self, name)()
        return made

    def _threads(self) -> Columns:
        last = {int(thread["slot"]): thread for thread in self._listed}.values()
        return {
            "slot": np.array([thread["slot"] for thread in last], np.int64),
            "tid": np.array([thread["tid"] for thread in last], np.int64),
            "tgid": np.array([thread["tgid"] for thread in last], np.int64),
            "name": [str(thread.get("name") or "") for thread in last],
        }

    def _calls(self) -> Columns:
        numbers = range(syscalls.TABLE_LENGTH)
        names = [syscalls.name_of(number, self._machine) for number in numbers]
        return {
            "nr": np.array(numbers, np.int64),
            "name": names,
            "class": [syscalls.class_of(name) for name in names],
            "receives": np.array([name in RECEIVES for name in names]),
            "sends": np.array([name in SENDS for name in names]),
        }

    def _sources(self) -> Columns:
        return {"number": np.arange(len(SOURCES)), "name": list(SOURCES)}

    def _kinds(self) -> Columns:
        return {"number": np.arange(len(KINDS)), "name": list(KINDS)}

    def _switches(self) -> Columns:
        rows = self._in_window(Kind.SWITCH)
        what = rows["what"]
        return {
            **self._of_two(rows, "out_slot", "in_slot"),
            "in_tid": rows["extra"].astype(np.int64),
            "state": byte_of(what, 32).astype(np.int32),
            "preempt": what >> np.uint64(40) & np.uint64(1) > 0,
            "yielded": what >> np.uint64(42) & np.uint64(1) > 0,
        }

    def _wakeups(self) -> Columns:
        rows = self._in_window(Kind.WAKING)
        return {
            **self._of_two(rows, "waker_slot", "woken_slot"),
            "source": byte_of(rows["what"], 32).astype(np.int32),
            "outcome": byte_of(rows["what"], 40).astype(np.int32),
        }

    def _of_two(self, rows: Any, one: str, other: str) -> Columns:
        """When and where events of two threads were, and the slots of both."""
        return {
            "t_ns": rows["t_ns"] - self._events.start_ns,
            "cpu": rows["cpu"].astype(np.int32),
            one: rows["thread"].astype(np.int64),
            other: low_half(rows["what"]),
        }

    def _syscalls(self) -> Columns:
        """Calls that returned in the window."""
        rows, start_ns = columns_of(self._events), self._events.start_ns
        times = rows["t_ns"]
        calls, presence = Calls.of(rows), Presence.of(rows, times)
        enters = np.flatnonzero(calls.is_enter)
        exits = calls.return_of(enters)
        enters, exits = enters[exits >= 0], exits[exits >= 0]
        at, until, slots = calls.index.row(enters), calls.index.row(exits), calls.index.owners
        inside = (times[until] >= start_ns) & (times[until] <= self._events.end_ns)
        at, until, slots = at[inside], until[inside], slots[enters][inside]
        return {
            "start_ns": times[at] - start_ns,
            "end_ns": times[until] - start_ns,
            "off_cpu_ns": presence.off_until(slots, until) - presence.off_until(slots, at),
            "cpu": rows["cpu"][until].astype(np.int32),
            "slot": slots,
            "nr": rows["what"][at].astype(np.int64),
            "first": rows["extra"][at].astype(np.int64),
            "result": rows["what"][until].astype(np.int64),
        }

    def _hops(self) -> Columns:
        rows, start_ns = hops_of(self._events, self._machine).rows, self._events.start_ns
        names = {"waker": "waker_slot", "woken": "woken_slot"}
        plain = ("waker", "woken", "waker_nr", "woken_nr", "waker_cpu", "cpu", "kind")
        return {
            "start_ns": rows["start_ns"] - start_ns,
            "waking_ns": _or_null(rows["waking_ns"] - start_ns, rows["waking_ns"] < 0),
            "end_ns": rows["end_ns"] - start_ns,
            "cpu_slept_ns": _or_null(rows["slept_ns"], rows["slept_ns"] < 0),
            **{names.get(name, name): rows[name].astype(np.int64) for name in plain},
            **{
                f"{part}_ns": np.ascontiguousarray(rows["parts_ns"][:, number])
                for number, part in enumerate(PARTS)
            },
        }

    def _parts(self) -> Columns:
        return {"number": np.arange(len(OWN_PARTS)), "name": list(OWN_PARTS)}

    def _path(self) -> Columns:
        found = self._replayed()
        rows, threads = found.path, found.threads
        last = max(len(threads) - 1, 0)

        def of_row(column: str, thread: str) -> Any:
            numbers = rows[thread].astype(np.int64)
            known = np.minimum(numbers, last)
            values = threads[column][known].astype(np.int64) if len(threads) else known
            return values, (numbers > last) | (len(threads) == 0)

        behind, is_other = of_row("tid", "behind_thread")
        behind = np.where(is_other, rows["behind_tid"], behind)
        return {
            "start_ns": rows["start_ns"] - self._events.start_ns,
            "end_ns": rows["end_ns"] - self._events.start_ns,
            "tid": _or_null(*of_row("tid", "thread")),
            "slot": _or_null(*of_row("slot", "thread")),
            "part": rows["part"].astype(np.int64),
            "nr": rows["nr"].astype(np.int64),
            "cpu": rows["cpu"].astype(np.int64),
            "behind_tid": _or_null(behind.astype(np.int64), behind == 0),
            "behind_ns": _or_null(rows["behind_ns"].astype(np.int64), rows["behind_ns"] == 0),
        }

    def _in_window(self, kind: Kind) -> Any:
        rows = self._events.rows[self._events.rows["kind"] == kind]
        times = rows["t_ns"]
        return rows[(times >= self._events.start_ns) & (times <= self._events.end_ns)]


def _or_null(values: Any, is_null: Any) -> Any:
    return np.ma.masked_array(values, is_null)
