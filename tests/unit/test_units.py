"""Numbers as text."""

from __future__ import annotations

import os

import pytest

from tracer import units


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "-"),
        (0, "0 ns"),
        (7, "7 ns"),
        (850, "850 ns"),
        (999, "999 ns"),
        (999.4, "999 ns"),
        (999.6, "1.00 us"),
        (1000, "1 us"),
        (1234, "1.23 us"),
        (24_200, "24.2 us"),
        (99_940, "99.9 us"),
        (99_960, "100 us"),
        (123_456, "123 us"),
        (999_499, "999 us"),
        (999_600, "1.00 ms"),
        (1_200_000, "1.20 ms"),
        (999_600_000, "1.00 s"),
        (3_450_000_000, "3.45 s"),
        (123_400_000_000, "123 s"),
        (5_670_400_000_000, "5,670 s"),
        (-1234, "-1.23 us"),
    ],
)
def test_duration(ns: float | None, text: str) -> None:
    assert units.duration(ns) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (99_999, "99,999"),
        (100_000, "100k"),
        (123_456, "123k"),
        (999_600, "1.00M"),
        (2_300_000, "2.30M"),
        (45_600_000, "45.6M"),
        (1_000_000_000, "1G"),
        (1_230_000_000_000, "1.23e+12"),
    ],
)
def test_count(value: float, text: str) -> None:
    assert units.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0004, "<0.001"),
        (0.004, "0.004"),
        (0.0996, "0.100"),
        (0.25, "0.25"),
        (1, "1.00"),
        (999.5, "999.50"),
        (1000, "1,000"),
    ],
)
def test_rate(value: float, text: str) -> None:
    assert units.rate(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (512, "512 bytes"),
        (1024, "1 KiB"),
        (1536, "1.50 KiB"),
        (17 * 2**20, "17 MiB"),
        (2.5 * 2**30, "2.50 GiB"),
    ],
)
def test_size(value: float, text: str) -> None:
    assert units.size(value) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0.00"),
        (-3, "0.00"),
        (-6, "-0.01"),
        (12, "0.01"),
        (3450, "3.45"),
        (99_944, "99.94"),
        (99_950, "100"),
        (-123_456, "-123"),
    ],
)
def test_microseconds(ns: float, text: str) -> None:
    assert units.microseconds(ns) == text


@pytest.mark.parametrize(
    ("number", "noun", "plural", "text"),
    [
        (1, "page fault", "", "1 page fault"),
        (0, "page fault", "", "0 page faults"),
        (2, "page fault", "", "2 page faults"),
        (2, "process", "processes", "2 processes"),
        (1, "process", "processes", "1 process"),
        (123_456, "event", "", "123k events"),
    ],
)
def test_counted(number: int, noun: str, plural: str, text: str) -> None:
    assert units.counted(number, noun, plural) == text


@pytest.mark.parametrize(("share", "text"), [(0, "0.0 %"), (0.1234, "12.3 %"), (1, "100.0 %")])
def test_percent(share: float, text: str) -> None:
    assert units.percent(share) == text


def test_durations_never_show_four_figures() -> None:
    for exponent in range(110):
        text = units.duration(10 ** (exponent / 10)).split()[0]
        assert len(text.replace(".", "")) <= 3, text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\t", r"two\nlines\t"),
        ("\x1b[2J\x9b\u2028", r"\x1b[2J\x9b\u2028"),
        (os.fsdecode(b"caf\xc3"), r"caf\xc3"),
        ("\ud800", r"\ud800"),
        ("caf\u00e9", "caf\u00e9"),
    ],
)
def test_what_a_terminal_must_not_get_is_escaped(text: str, shown: str) -> None:
    assert units.plain(text) == shown


@pytest.mark.parametrize(
    ("times_ns", "unit", "texts"),
    [
        ([10_700_000, 7040, 0, None], "us", ["10,700", "7.04", "0", "-"]),
        ([32_300, 31_200, 48_000_000], "us", ["32.3", "31.2", "48,000"]),
        ([450_000, 120_000], "us", ["450", "120"]),
        ([450_000, 1_200_000], "ms", ["0.450", "1.20"]),
        ([999, 7], "ns", ["999", "7"]),
        ([999.6, 70], "ns", ["1,000", "70"]),
        ([999.6, 100], "us", ["1", "0.100"]),
        ([9_990e6, 700], "us", ["9,990,000", "0.700"]),
        ([10_000e6, 700], "ms", ["10,000", "0.00070"]),
        ([5484e9, 4.06e9, 1], "ms", ["5,480,000", "4,060", "<0.00001"]),
        ([-5_484_000, 4_060], "us", ["-5,480", "4.06"]),
        ([1e17], "s", ["100,000,000"]),
        ([0, None], "ns", ["0", "-"]),
        ([], "ns", []),
    ],
)
def test_times_of_one_quantity_have_one_unit(
    times_ns: list[float | None], unit: str, texts: list[str]
) -> None:
    assert units.in_one_unit(times_ns) == (unit, texts)


def test_small_sums_do_not_choose_the_unit() -> None:
    sums = [7.31e9, 2.17e9, 110_000, 21_200]
    assert units.in_one_unit(sums, are_sums=True) == ("s", ["7.31", "2.17", "0.00011", "0.00002"])
    assert units.in_one_unit([*sums[:2], 7e6], are_sums=True) == ("ms", ["7,310", "2,170", "7"])
