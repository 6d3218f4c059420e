"""What was mapped where and when: spaces by hand, each change of them."""

from __future__ import annotations

import pytest

from tracer.model import mappings
from tracer.model.mappings import AddressSpaces, Area, Space

PROGRAM = Area(0x1000, 0x3000, 0, "/bin/program", (8, 1), 11)
DATA = Area(0x2000, 0x3000, 0x1000, "/bin/program", (8, 1), 11)
OTHER = Area(0x2000, 0x6000, 0, "/lib/other.so", (8, 1), 12)
MEMORY = Area(0x9000, 0xB000, 0, "")


def found(spaces: AddressSpaces, pid: int, address: int, at_ns: int) -> Area | None:
    space = spaces.of(pid, at_ns)
    return space.find(address, at_ns) if space else None


def test_the_latest_mapping_before_a_time_holds() -> None:
    space = Space(0)
    for at_ns, area in ((10, PROGRAM), (20, DATA), (30, OTHER)):
        space.add(at_ns, area)
    assert [space.find(0x2800, at) for at in (10, 19, 20, 29, 30, 99)] == [
        *(PROGRAM, PROGRAM, DATA, DATA, OTHER, OTHER)
    ]
    assert space.find(0x1000, 99) == PROGRAM
    assert space.find(0x6000, 99) is None and space.find(0xFFF, 99) is None


def test_it_grows_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread maps meanwhile is found at the next look."""
    space, real = Space(0), mappings._is_loaded

    def loaded(area: Area) -> bool:
        space.add(40, MEMORY)
        return real(area)

    space.add(10, DATA)
    space.add(20, PROGRAM)
    monkeypatch.setattr(mappings, "_is_loaded", loaded)
    assert space.program == PROGRAM
    assert space.find(0x1000, 99) == PROGRAM
    assert (40, MEMORY) in space.history()


def test_memory_mapped_again_hides_what_was_there_in_between() -> None:
    space = Space(0)
    for at_ns, area in ((10, OTHER), (20, DATA), (30, OTHER)):
        space.add(at_ns, area)
    assert space.find(0x2000, 40) == OTHER
    assert space.find(0x2000, 25) == DATA
    assert space.find(0x5000, 15) == OTHER, "it was there before, and nothing else was"
    assert space.find(0x5000, 9) is None


def test_an_area_that_is_mapped_ever_again_is_kept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mappings, "_MOST_AREAS", 3)
    space = Space(0)
    space.add(1, PROGRAM)
    for at_ns in range(2, 100):
        space.add(at_ns, MEMORY)
    assert space.find(0x9000, 100) == MEMORY
    for number in range(4):  # too many: those without a file go
        space.add(200 + number, Area(0x10000 * (number + 1), 0x10000 * (number + 2), 0, ""))
    assert space.find(0x9000, 300) is None
    assert space.find(0x1000, 300) == PROGRAM


def test_the_beginning_of_the_nearest_file_below_an_address() -> None:
    space = Space(0)
    assert space.loaded_below(0x9000, 99) is None and space.program is None
    shared = Area(0x8000, 0x9000, 0, "/dev/shm/x", (0, 5), 7, shared=True)
    for area in (PROGRAM, DATA, OTHER, shared, MEMORY):
        space.add(10, area)
    assert space.loaded_below(0x9000, 99) == OTHER
    assert space.loaded_below(0x1FFF, 99) == PROGRAM
    assert space.loaded_below(0xFFF, 99) is None
    assert space.program == PROGRAM


def test_exec_begins_an_empty_space() -> None:
    spaces = AddressSpaces()
    spaces.mapped(10, 7, PROGRAM)
    spaces.executed(20, 7)
    spaces.mapped(21, 7, OTHER)
    assert found(spaces, 7, 0x1000, 19) == PROGRAM
    assert found(spaces, 7, 0x1000, 20) is None
    assert found(spaces, 7, 0x5000, 30) == OTHER
    assert found(spaces, 8, 0x1000, 19) is None


def test_a_fork_has_what_its_parent_had_then() -> None:
    spaces = AddressSpaces()
    spaces.mapped(10, 7, PROGRAM)
    spaces.forked(20, 8, 7)
    spaces.mapped(30, 7, OTHER)
    spaces.mapped(40, 8, MEMORY)
    spaces.forked(50, 9, 8)
    assert found(spaces, 8, 0x1000, 99) == PROGRAM
    assert found(spaces, 8, 0x2800, 99) == PROGRAM, "its parent mapped the other one later"
    assert found(spaces, 8, 0x5000, 99) is None
    assert [found(spaces, pid, 0x9000, 99) for pid in (7, 8, 9)] == [None, MEMORY, MEMORY]
    nine = spaces.of(9, 99)
    assert nine and nine.program == PROGRAM and nine.loaded_below(0x9000, 99) == PROGRAM


def test_the_number_of_a_process_that_has_ended_is_given_again() -> None:
    spaces = AddressSpaces()
    spaces.forked(5, 7, 1)
    spaces.mapped(10, 7, PROGRAM)
    spaces.ended(25, 7)
    spaces.forked(50, 7, 1)
    spaces.mapped(60, 7, OTHER)
    assert found(spaces, 7, 0x1000, 20) == PROGRAM
    assert found(spaces, 7, 0x1000, 70) is None
    spaces.forget(())
    assert found(spaces, 7, 0x5000, 70) == OTHER, "it lives"


def test_only_what_ended_and_is_not_wanted_is_forgotten() -> None:
    spaces = AddressSpaces()
    for pid in (7, 8, 9):
        spaces.mapped(10, pid, PROGRAM)
    spaces.forked(20, 10, 7)
    spaces.ended(25, 7)
    spaces.ended(26, 8)
    assert spaces.ended_since(26) == {8}
    spaces.forget({8})
    at = [found(spaces, pid, 0x1000, 30) is not None for pid in (7, 8, 9, 10)]
    assert at == [False, True, True, True], "the child of 7 keeps what it was forked with"
    spaces.forget(())
    assert found(spaces, 8, 0x1000, 30) is None


def test_a_chain_of_forks_has_no_depth() -> None:
    """Each process is forked by the one before, which ends: all that is kept is what they share."""
    spaces = AddressSpaces()
    spaces.mapped(10, 1, PROGRAM)
    for pid in range(2, 3000):
        spaces.forked(10 * pid, pid, pid - 1)
        spaces.ended(10 * pid + 5, pid - 1)
        spaces.forget(())
    assert found(spaces, 2999, 0x1000, 99_999) == PROGRAM
    space = spaces.of(2999, 99_999)
    assert space is not None
    assert space.program == PROGRAM
    assert len(space.history()) <= 2
    depth = 0
    while space:
        depth, space = depth + 1, space._parent
    assert depth <= 10


def test_a_copied_space_is_that_of_the_moment_of_the_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mappings, "_MOST_PARENTS", 0)
    spaces = AddressSpaces()
    spaces.mapped(10, 1, PROGRAM)
    spaces.forked(20, 2, 1)
    spaces.mapped(30, 1, OTHER)
    assert found(spaces, 2, 0x1000, 40) == PROGRAM
    assert found(spaces, 2, 0x5000, 40) is None


def test_of_too_many_files_code_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mappings, "_MOST_AREAS", 8)
    space, code = Space(0), Area(0x1000, 0x2000, 0, "/bin/a", (8, 1), 1, executable=True)
    space.add(1, code)
    for number in range(1, 100):
        space.add(1 + number, Area(number << 20, (number << 20) + 1, 0, "/data", (8, 1), number))
        assert len(space._times) <= 8
    assert space.find(0x1000, 200) == code
    assert space.find(99 << 20, 200) is not None
    for number in range(100, 200):
        area = Area(number << 20, (number << 20) + 1, 0, "/x", (8, 1), number, executable=True)
        space.add(1 + number, area)
        assert len(space._times) <= 8
    assert space.find(199 << 20, 300) is not None
