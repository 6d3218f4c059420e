"""Code by hand: what was mapped executable, and when its meaning changed."""

from __future__ import annotations

from dataclasses import replace

from tracer.model.code import Code, views
from tracer.model.mappings import Area, Space

PROGRAM = Area(0x1000, 0x3000, 0x1000, "/bin/program", (8, 1), 11, executable=True)
HEADER = Area(0x0, 0x5000, 0, "/bin/program", (8, 1), 11)
DATA = Area(0x3000, 0x5000, 0x2000, "/bin/program", (8, 1), 11)
OTHER = Area(0x2000, 0x6000, 0, "/lib/other.so", (8, 1), 12, executable=True)
MADE = Area(0x9000, 0xB000, 0, "", executable=True)


def shown(history: list[tuple[int, Area]]) -> list[tuple[int, list[tuple[int, int, int]]]]:
    """Each view: its time, and start, end and offset in the file of its code."""
    return [
        (view.since_ns, [(code.start, code.end, code.offset) for code in view.code])
        for view in views(history)
    ]


def test_the_parts_of_a_file_are_one_view() -> None:
    history = [(10, HEADER), (11, PROGRAM), (12, DATA), (13, MADE)]
    assert shown(history) == [(11, [(0x1000, 0x3000, 0x1000), (0x9000, 0xB000, 0)])]


def test_a_file_mapped_as_a_whole_is_cut_by_its_data() -> None:
    whole = replace(HEADER, executable=True)
    assert shown([(10, whole), (11, DATA)]) == [(10, [(0, 0x3000, 0)])]


def test_a_library_in_the_place_of_another_begins_a_view() -> None:
    found = shown([(10, PROGRAM), (20, OTHER)])
    assert found == [
        (10, [(0x1000, 0x3000, 0x1000)]),
        (20, [(0x1000, 0x2000, 0x1000), (0x2000, 0x6000, 0)]),
    ]
    again = replace(PROGRAM, offset=0)  # the same file, at another address of its own
    assert [since for since, _ in shown([(10, PROGRAM), (20, again)])] == [10, 20]
    assert [since for since, _ in shown([(10, PROGRAM), (20, PROGRAM)])] == [10]


def test_memory_in_the_place_of_a_library_ends_its_code() -> None:
    memory = Area(0x1000, 0x2000, 0, "")
    assert shown([(10, PROGRAM), (20, memory)]) == [
        (10, [(0x1000, 0x3000, 0x1000)]),
        (20, [(0x2000, 0x3000, 0x2000)]),
    ]


def test_code_that_is_written_to_stays_code() -> None:
    closed = replace(MADE, executable=False)
    assert shown([(10, MADE), (20, closed), (30, MADE)]) == [(10, [(0x9000, 0xB000, 0)])]
    patched = replace(PROGRAM, executable=False)
    assert shown([(10, PROGRAM), (20, patched)]) == [(10, [(0x1000, 0x3000, 0x1000)])]


def test_code_has_the_time_it_was_mapped_at() -> None:
    (view,) = views([(10, PROGRAM), (20, MADE)])
    assert view.code == (
        Code(PROGRAM, 10, 0x1000, 0x3000),
        Code(MADE, 20, 0x9000, 0xB000),
    )
    assert views([])[0].code == ()


def test_a_forked_process_has_its_parents_history_until_then() -> None:
    parent = Space(0)
    parent.add(10, PROGRAM)
    child = Space(15, parent)
    parent.add(20, OTHER)
    child.add(30, MADE)
    assert child.history() == [(10, PROGRAM), (30, MADE)]
    assert parent.history() == [(10, PROGRAM), (20, OTHER)]
