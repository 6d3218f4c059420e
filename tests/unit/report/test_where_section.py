"""The section Where on the path."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from harness.profiled import PROFILE, RING, WALL, frame, random_profile, sample, stack
from harness.summarized import planted_summary

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.places import Place
from tracer.analysis.where.profile import Where
from tracer.analysis.where.profile import where as analysed
from tracer.analysis.where.tasks import Loop
from tracer.model.profile import Profile, Task
from tracer.report.run.tasks import event_loops
from tracer.report.run.text import render
from tracer.report.run.where import place_text, where

FOUND = analysed(PROFILE, WALL)


def lines(found: Where, width: int = 100) -> list[str]:
    return where(found, width)


def cells(line: str) -> list[str]:
    return re.split(r"  +", line.strip())


def test_a_run_without_a_profile_has_no_section() -> None:
    assert where(None, 100) == []
    assert "Where on the path" not in render(planted_summary())


@pytest.mark.parametrize(
    ("window_ns", "lost", "why"),
    [
        (20_000_000, 0, "too short for a sample every 997 us; try --grid 200"),
        (10_000_000_000, 0, "no samples: its thread slept, or waited for a CPU, all the time"),
        (10_000_000_000, 7, "7 samples lost: no room was left in the kernel's table"),
    ],
)
def test_why_there_are_no_samples(window_ns: int, lost: int, why: str) -> None:
    found = analysed(Profile((), lost=lost), Ledger(window_ns, {"sleep": window_ns}))
    assert lines(found) == [f"Where on the path: {why}"]


def test_places_with_their_parts_shares_and_errors() -> None:
    text = lines(FOUND)
    assert text[0] == "Where on the path: 100 samples, one every 1 us of it"
    assert cells(text[1]) == ["place", "what it did there", "share", "+-"]
    assert [cells(line)[:3] for line in text[3:6]] == [
        ["ring::spin row.rs:40", "own code", "60.0 %"],
        ["recv called from ring::pass_on row.rs:26", "I/O: recvfrom", "30.0 %"],
        ["recv called from ring::pass_on row.rs:26", "woken, CPU asleep", "10.0 %"],
    ]
    assert not any("no sample" in line for line in text[:-1])
    assert cells(text[3])[3] == "3.0"  # three of 60 points, of 60 %


def test_hand_overs() -> None:
    text = lines(FOUND, 110)
    at = next(i for i, line in enumerate(text) if line.startswith("Who handed over"))
    assert text[at].endswith("2 times from one sample to the next, of 7 hand-overs on the path")
    assert [cells(line) for line in text[at + 3 : at + 5]] == [
        ["ring::spin row.rs", "recv called from ring::pass_on row.rs:26", "1", "1", "40"],
        ["recv called from ring::pass_on row.rs:26", "ring::spin row.rs", "1", "0", "20"],
    ]


def test_an_end_of_a_hand_over_without_room_is_the_line_that_called() -> None:
    text = lines(FOUND, 80)
    at = next(i for i, line in enumerate(text) if line.startswith("Who handed over"))
    assert cells(text[at + 3])[:2] == ["ring::spin row.rs", "ring::pass_on row.rs:26"]


def test_too_few_samples_are_told() -> None:
    text = "\n".join(lines(analysed(replace(PROFILE, samples=PROFILE.samples[1:2]), WALL)))
    assert "10 samples: too few to say how far these shares are off" in text
    assert "how far a share may be off" not in text


def test_losses_and_broken_stacks_are_told() -> None:
    broken = replace(
        stack(frame("f", "/lib/libodd.so")), whole=False, broken_in="/lib/libodd\x1b.so"
    )
    samples = (
        sample("user", 60, stack(frame("g"))),
        sample("user", 30, broken),
        sample("user", 10),
    )
    profile = Profile(samples, lost=7, missing="the helper is not built: make setup")
    text = lines(analysed(profile, Ledger(1000, {"user": 1000})))
    assert text[-3] == "7 samples lost: no room was left in the kernel's table"
    assert text[-1] == "Without names or whole stacks: the helper is not built: make setup"
    assert text[-2] == (
        r"Stacks: whole for 60.0 % of the path, 30.0 % broke off in libodd\x1b.so, 10.0 % missing"
    )


def test_more_places_than_ten_are_summed() -> None:
    samples = tuple(sample("user", 100 - n, stack(frame(f"f{n:02}"))) for n in range(13))
    points = sum(one.points for one in samples)
    text = lines(analysed(Profile(samples), Ledger(points, {"user": points})))
    share = 100 * (90 + 89 + 88) / points
    assert text[13] == f"and 3 more places, {share:.1f} % in all (--json has them)"


HOSTILE = "evil\x1b[31m;\n\u202e" + "x" * 300


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("seed", range(5))
def test_it_fits_and_shows_no_control_character(seed: int, width: int) -> None:
    profile, wall = random_profile(seed)
    hostile = stack(frame(HOSTILE, HOSTILE, at=f"/src/{HOSTILE}:12"), frame("b" * 300), whole=False)
    called = stack(frame("c" * 300, "/lib/libc.so.6"), frame(HOSTILE, RING, at="a" * 200 + ":9"))
    samples = (*profile.samples, sample("user", 99, hostile), sample("user", 99, called, waker=0))
    wall = Ledger(wall.total_ns + 10**12, {**wall.parts, "user": 10**12})
    text = render(planted_summary(where=analysed(Profile(samples), wall)), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("room", range(24, 70))
@pytest.mark.parametrize("called", ["", "recv", "a::very::long::name::of::a::function::in::std"])
@pytest.mark.parametrize("file", ["", "row.rs", "a_rather_long_name_of_a_file.cpp"])
def test_a_place_is_cut_to_its_room(room: int, called: str, file: str) -> None:
    name = "thread_brigade::row::Row::pass_on_to_the_next_one"
    whole = place_text(Place(name, RING, file, 26, called), 500)
    text = place_text(Place(name, RING, file, 26, called), room)
    assert len(text) <= room
    assert text == whole or len(text) < len(whole)
    if room > 52:
        assert "next_one" in text and (not called or called[-4:] in text)
        assert not file or ":26" in text


def test_an_event_loop_in_no_own_code_is_told_with_what_its_task_began_with() -> None:
    clock = Place("clock_gettime", is_own=False)
    loop = Loop(7, "web", 44_300_000, 619, clock, Task("go", 25), "main.handle")
    (line,) = event_loops(replace(FOUND, loops=(loop,)))
    assert line.endswith("did not poll for 44.3 ms in clock_gettime for main.handle (task 25)")
    own = replace(loop, place=Place("main.parseJSON"))
    (line,) = event_loops(replace(FOUND, loops=(own,)))
    assert line.endswith("44.3 ms in main.parseJSON (task 25)")
