"""Looks events up by thread or CPU and their place in the recording, for many at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.model.events import EVENT_DTYPE, Events, Kind

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
#: Of events: name -> shape (events,).
Columns = Mapping[str, NDArray[Any]]
_ROW_BITS = 32
_ROW_MASK = (1 << _ROW_BITS) - 1
_LOW_HALF = np.uint64(0xFFFFFFFF)
_NO_ROW = -1
_CHILD = (1 << 31) - 1  # of NEW; the bit above says that it is a worker of the kernel


def low_half(what: NDArray[np.uint64]) -> Ints:
    """The low 32 bits, which hold a slot in events that have two threads."""
    return (what & _LOW_HALF).astype(np.int64)


def byte_of(what: NDArray[np.uint64], bit: int) -> NDArray[np.uint64]:
    """The 8 bits from `bit` on: a state, a source, an outcome."""
    return what >> np.uint64(bit) & np.uint64(0xFF)


def columns_of(events: Events) -> Columns:
    """The columns of the events, each on its own: what is looked up then lies close together."""
    return {name: np.ascontiguousarray(events.rows[name]) for name in EVENT_DTYPE.names or ()}


def rows_of(rows: Columns, *kinds: Kind) -> Ints:
    """The rows of events of these kinds."""
    column = rows["kind"]
    found = column == kinds[0]
    for kind in kinds[1:]:
        found |= column == kind
    return np.flatnonzero(found)


class Index:
    """Rows of events, each with an owner (a slot or a CPU); ordered by owner, then by row.

    Parameters
    ----------
    owners, rows:
        Shape (entries,). Owners are below 2^31.
    """

    def __init__(self, owners: Ints, rows: Ints) -> None:
        self._keys = np.sort(owners.astype(np.int64) << _ROW_BITS | rows)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def owners(self) -> Ints:
        return self._keys >> _ROW_BITS

    @property
    def rows(self) -> Ints:
        return self._keys & _ROW_MASK

    def before(self, owners: Ints, rows: Ints) -> Ints:
        """The entry of the same owner last before each row; -1 where there is none."""
        found = np.searchsorted(self._keys, owners.astype(np.int64) << _ROW_BITS | rows) - 1
        return self._own(found, owners)

    def after(self, owners: Ints, rows: Ints) -> Ints:
        """The entry of the same owner first after each row; -1 where there is none."""
        wanted = owners.astype(np.int64) << _ROW_BITS | rows
        found = np.searchsorted(self._keys, wanted, side="right")
        return self._own(found, owners)

    def count(self, owners: Ints, first: Ints, last: Ints) -> Ints:
        """How many entries of the owner are after row `first` and before row `last`."""
        high = owners.astype(np.int64) << _ROW_BITS
        until = np.searchsorted(self._keys, high | last)
        since = np.searchsorted(self._keys, high | first, side="right")
        counts: Ints = np.maximum(until - since, 0)
        return counts

    def row(self, entries: Ints) -> Ints:
        """The row of each entry; -1 for the entry -1."""
        if not len(self._keys):
            return np.full(len(entries), _NO_ROW, np.int64)
        rows: Ints = np.where(entries < 0, _NO_ROW, self._keys[entries] & _ROW_MASK)
        return rows

    def _own(self, found: Ints, owners: Ints) -> Ints:
        """`found`, and -1 where it is outside or of another owner."""
        if not len(self._keys):
            return np.full(len(owners), -1, np.int64)
        inside = (found >= 0) & (found < len(self._keys))
        kept = self._keys[np.where(inside, found, 0)] >> _ROW_BITS == owners
        own: Ints = np.where(inside & kept, found, -1)
        return own


@dataclass(frozen=True)
class Calls:
    """Entries and returns of system calls by thread.

    `index` has a thread's creation too, so that its slot's former thread is never taken for it.
    """

    index: Index
    is_enter: Bools
    is_exit: Bools

    @staticmethod
    def of(rows: Columns) -> Calls:
        calls, new = rows_of(rows, Kind.ENTER, Kind.EXIT), rows_of(rows, Kind.NEW)
        children = low_half(rows["what"][new]) & _CHILD
        owners = [rows["thread"][calls].astype(np.int64), children]
        index = Index(np.concatenate(owners), np.concatenate([calls, new]))
        kinds = rows["kind"][index.rows]
        return Calls(index, kinds == Kind.ENTER, kinds == Kind.EXIT)

    def open_at(self, slots: Ints, rows: Ints) -> Ints:
        """The entry of the ENTER of the call that each thread is in at a row; -1: in none."""
        found = self.index.before(slots, rows)
        if not len(self.index):
            return found
        return np.where((found >= 0) & self.is_enter[found], found, -1)

    def return_of(self, enters: Ints) -> Ints:
        """The entry of the EXIT of the call of each ENTER; -1 where it is not recorded."""
        if not len(self.index):
            return enters
        following = np.minimum(enters + 1, len(self.index) - 1)
        owners = self.index.owners
        has = (enters >= 0) & (following > enters) & self.is_exit[following]
        return np.where(has & (owners[following] == owners[enters]), following, -1)


@dataclass(frozen=True)
class Presence:
    """When threads came onto a CPU and left it; `ins` and `outs` have the rows of switches."""

    ins: Index
    outs: Index
    _both: Index
    _off_ns: Ints

    @staticmethod
    def of(rows: Columns, times: Ints) -> Presence:
        switches = rows_of(rows, Kind.SWITCH)
        previous = rows["thread"][switches].astype(np.int64)
        following = low_half(rows["what"][switches])
        come, gone = switches[following > 0], switches[previous > 0]
        ins = Index(following[following > 0], come)
        outs = Index(previous[previous > 0], gone)
        # a switch can be of two threads: in, of one, and out, of the other
        owners = np.concatenate([following[following > 0], previous[previous > 0]])
        both = Index(owners, np.concatenate([come, gone]))
        at, owner = both.rows, both.owners
        is_in = low_half(rows["what"][at]) == owner
        off = np.zeros(len(at), np.int64)
        pair = is_in[1:] & ~is_in[:-1] & (owner[1:] == owner[:-1])
        off[1:][pair] = (times[at[1:]] - times[at[:-1]])[pair]
        return Presence(ins, outs, both, np.cumsum(off))

    def off_until(self, slots: Ints, rows: Ints) -> Ints:
        """Time off the CPU of each thread until a row at which it is on one, ns; only differences
        of one thread mean anything."""
        if not len(self._both):
            return np.zeros(len(slots), np.int64)
        found = self._both.before(slots, rows)
        # before its first switch: what was summed up over the threads before it
        first = np.searchsorted(self._both._keys, slots << _ROW_BITS) - 1
        at = np.where(found >= 0, found, first)
        return np.where(at >= 0, self._off_ns[at], 0)
