"""Colour and bars for a terminal, added to the finished text: names in it are escaped already."""

from __future__ import annotations

import re

from tracer.report.run.path import HEADING

_RESET = "\x1b[0m"
_BOLD, _RED, _GREEN, _YELLOW, _BLUE = (f"\x1b[{n}m" for n in ("1", "1;31", "32", "33", "34"))
_BEGINNINGS = (
    (re.compile(r"NOT TO BE TRUSTED|PARTIAL|Busy host|Warning:"), _RED),
    (re.compile(r"[1-3]\. "), _YELLOW),
    (re.compile(r"Try: "), _GREEN),
    (re.compile(re.escape(HEADING)), _BOLD),
)
_SHARE = re.compile(r" (\d+\.\d) %$")
#: The longest bar, and the shortest that is worth a column.
_LONGEST, _SHORTEST = 30, 5
_EIGHTHS = " ▏▎▍▌▋▊▉"


def painted(text: str, width: int) -> str:
    """The text with a bar behind each line of the ledger, where there is room, and in colour."""
    lines, in_ledger = [], False
    for line in text.split("\n"):
        if in_ledger and (share := _SHARE.search(line)):
            lines.append(f"{line}{_bar(float(share[1]) / 100, width - len(line) - 1)}")
            continue
        in_ledger = line.startswith(HEADING)
        lines.append(_coloured(line))
    return "\n".join(lines)


def _bar(share: float, room: int) -> str:
    longest = min(room, _LONGEST)
    if longest < _SHORTEST:
        return ""
    eighths = round(min(max(share, 0.0), 1.0) * 8 * longest)
    bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    return f" {_BLUE}{bar}{_RESET}" if bar else ""


def _coloured(line: str) -> str:
    for beginning, colour in _BEGINNINGS:
        if beginning.match(line):
            return f"{colour}{line}{_RESET}"
    return line
