"""The rows of probe futex's table, one for each thread at each address, by futex word."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from tracer.model.mappings import AddressSpaces
from tracer.model.probe import Arrays
from tracer.model.threads import SLOT_BITS, comm, pattern

#: Of a row's key, the bits of the thread's slot.
SLOT_MASK = (1 << SLOT_BITS) - 1
#: The value of a lock's word that has waiters, in glibc, Rust's std, Go: a wait begins with it.
CONTENDED = 2
#: What makes futex words one: device, inode and offset of shared memory, else process and address.
Word = tuple[object, int]


def places(arrays: Arrays) -> NDArray[np.void]:
    rows = arrays["futex_places"]
    called = (rows["waits"] | rows["wakes"]) != 0
    return np.asarray(rows[(rows["key"] != 0) & (rows["tgid"] != 0) & called])


def addresses(rows: NDArray[np.void]) -> NDArray[np.uint64]:
    return np.asarray(rows["key"] >> np.uint64(SLOT_BITS) << np.uint64(2))


def by_word(rows: NDArray[np.void], spaces: AddressSpaces) -> list[NDArray[np.void]]:
    """The rows of each futex word, the most calls first, then by process and address.

    The first row of each is of the thread with the most calls.
    """
    groups: dict[Word, list[int]] = defaultdict(list)
    known: dict[tuple[int, int], Word] = {}
    for index, at in enumerate(zip(rows["tgid"].tolist(), addresses(rows).tolist(), strict=True)):
        if at not in known:
            known[at] = _word(*at, int(rows["first_ns"][index]), spaces)
        groups[known[at]].append(index)
    calls = (rows["waits"] + rows["wakes"]).astype(np.int64)
    found = [rows[sorted(group, key=lambda row: -calls[row])] for group in groups.values()]
    return sorted(found, key=lambda own: (-int((own["waits"] + own["wakes"]).sum()),
                                          int(own["tgid"][0]), int(own["key"][0])))  # fmt: skip


def _word(tgid: int, address: int, at_ns: int, spaces: AddressSpaces) -> Word:
    space = spaces.of(tgid, at_ns)
    area = space.find(address, at_ns) if space else None
    if area is None or not (area.shared and area.inode):
        return tgid, address
    return (area.device, area.inode), address - area.start + area.offset


def groups_of(rows: NDArray[np.void], role: str, arrays: Arrays, groups: Mapping[int, str]
            ) -> tuple[tuple[str, int], ...]:  # fmt: skip
    """Calls in this role by group of threads, the most first; a thread whose slot is another's by
    now is in the group of the name that it had."""
    found: Counter[str] = Counter()
    own = rows[rows[role] > 0]
    for name, calls in zip(each_group(own, arrays, groups), own[role].tolist(), strict=True):
        found[name] += calls
    return tuple(found.most_common())


def each_group(rows: NDArray[np.void], arrays: Arrays, groups: Mapping[int, str]) -> list[str]:
    """The group of each row's thread. By columns: a table of thousands of threads that wait for a
    lock has ten thousands of rows."""
    slots, births = slots_of(rows), arrays["threads"]["birth_ns"]
    is_there = slots < len(births)  # a thread may begin while the tables are copied
    is_there[is_there] = births[slots[is_there]] == rows["birth_ns"][is_there]
    return [
        (groups.get(slot) if there else None) or pattern(comm(rows[n]))
        for n, (slot, there) in enumerate(zip(slots.tolist(), is_there.tolist(), strict=True))
    ]


def slots_of(rows: NDArray[np.void]) -> NDArray[np.int64]:
    """The slot of each row's thread in the table of threads."""
    return np.asarray(rows["key"].astype(np.int64) & SLOT_MASK)


def threads_of(rows: NDArray[np.void]) -> list[tuple[int, int]]:
    """Each row's thread: when it was born, and its slot."""
    return list(zip(rows["birth_ns"].tolist(), slots_of(rows).tolist(), strict=True))


def paired(words: Iterable[NDArray[np.void]]) -> list[NDArray[np.void]]:
    """The same rows with those of two words beside each other joined, as a condition variable of
    glibc uses them in turn; a lock's word is one alone."""
    found: dict[tuple[int, ...], list[NDArray[np.void]]] = defaultdict(list)
    for number, rows in enumerate(words):
        is_lock = (rows["expected"][rows["waits"] > 0] == CONTENDED).any()
        pair = int(rows["tgid"][0]), int(addresses(rows)[0]) >> 3
        found[(number, *pair) if is_lock else pair].append(rows)
    return [np.concatenate(parts) for parts in found.values()]
