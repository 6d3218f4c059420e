"""ns, bytes and counts as text. Everywhere else they are numbers in names ending _ns, _bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence


def duration(ns: float | None) -> str:
    """A time with three significant figures: `850 ns`, `24.2 us`, `1.20 ms`, `3.45 s`."""
    if ns is None:
        return "-"
    size = abs(ns)
    for limit, divisor, unit in ((1e3, 1, "ns"), (1e6, 1e3, "us"), (1e9, 1e6, "ms")):
        if size < limit * 0.9995:
            return f"{_three(ns / divisor)} {unit}"
    return f"{_three(ns / 1e9)} s"


def _three(value: float) -> str:
    size = abs(value)
    digits = 0 if size >= 99.95 or value == int(value) else 1 if size >= 9.995 else 2
    return f"{value:,.{digits}f}"


#: Divisors of ns, and the units that they give.
_UNITS = ((1.0, "ns"), (1e3, "us"), (1e6, "ms"), (1e9, "s"))
#: In one unit the longest of several times has seven digits at most, and of the shortest no zeros
#: stand behind the point if that can be: `31.2 us` and `48,000 us`, not `0.0312 ms` and `48 ms`.
_LONGEST, _SHORTEST = 9_995_000, 0.1


#: Of sums of times those of less than this share of the longest do not matter to the unit.
_LEAST_OF_SUMS = 1e-4


def in_one_unit(
    times_ns: Sequence[float | None], *, are_sums: bool = False
) -> tuple[str, list[str]]:
    """Times of one quantity, for the columns of a table: their unit, and each in it, with at most
    three significant figures: `us`, `["10,700", "7.04", "0"]`; unknown ones are `-`."""
    sizes = [abs(ns) for ns in times_ns if ns]
    longest = max(sizes, default=0)
    least = _LEAST_OF_SUMS * longest if are_sums else 0
    shortest = min((size for size in sizes if size >= least), default=0)
    fitting = [one for one in _UNITS if longest < _LONGEST * one[0]] or [_UNITS[-1]]
    readable = [
        one for one in fitting if shortest >= _SHORTEST * one[0] and longest >= 0.9995 * one[0]
    ]
    divisor, unit = (readable[::-1] or fitting)[0]
    return unit, ["-" if ns is None else significant(ns / divisor) for ns in times_ns]


def significant(value: float) -> str:
    """Three significant figures, five decimals at most: `5,480`, `10.7`, `0.00704`."""
    if value == 0:
        return "0"
    exact = float(f"{value:.3g}")
    if abs(exact) >= 100 or exact == int(exact):
        return f"{exact:,.0f}"
    if abs(exact) < 0.00001:
        return "<0.00001"
    decimals = max(2 - math.floor(math.log10(abs(exact))), 0)
    return f"{exact:.{min(decimals, 5)}f}"


def microseconds(ns: float) -> str:
    """A time in us for a column of times, without the unit: `3.45`, from 100 us on `120`."""
    value = ns / 1e3
    return two_decimals(value) if abs(value) < 99.95 else f"{value:.0f}"


def two_decimals(value: float) -> str:
    """`0.25`; never `-0.00`."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def count(value: float) -> str:
    """A count: exact below 100,000, then with three figures: `99,999`, `2.30M`."""
    if abs(value) < 100_000:
        return f"{value:,.0f}"
    for limit, unit in ((1e6, "k"), (1e9, "M"), (1e12, "G")):
        if abs(value) < limit * 0.9995:
            return f"{_three(value / limit * 1e3)}{unit}"
    return f"{value:.3g}"


def count_or_unknown(value: float | None) -> str:
    """A count; `-` where it is not known, which is not 0."""
    return "-" if value is None else count(value)


def counted(number: float, noun: str, plural: str = "") -> str:
    """A count with its noun: `1 block`, `12 blocks`, `2 processes` (plural given)."""
    return f"{count(number)} {noun if number == 1 else plural or noun + 's'}"


def rate(value: float) -> str:
    """A count per unit of work: `1.00`, `0.004`, `<0.001`."""
    if value == 0:
        return "0"
    if value < 0.001:
        return "<0.001"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 1000 else count(value)


def size(value_bytes: float) -> str:
    """Memory: `512 bytes`, `17 MiB`."""
    for limit, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value_bytes >= limit:
            return f"{_three(value_bytes / limit)} {unit}"
    return f"{value_bytes:.0f} {'byte' if value_bytes == 1 else 'bytes'}"


def percent(share: float) -> str:
    """A share of one as `12.3 %`."""
    return f"{100 * share:.1f} %"


def in_points(error: float | None) -> str:
    """The sampling error of a share of one, in points of percent: `1.2`; empty if unknown."""
    return "" if error is None else f"{100 * error:.1f}"


def plain(text: str) -> str:
    """`text` with control characters escaped: names and paths belong to the target."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    """`\\x1b`; for a byte that is not UTF-8, as os.fsdecode() keeps it, `\\xff`."""
    byte = ord(char) - 0xDC00
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else repr(char)[1:-1]
