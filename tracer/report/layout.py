"""Pages, tables and lines that fit the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import tabulate as tabulating
from tabulate import tabulate

#: The widest a report gets; narrower where the terminal is.
WIDTH = 100
_NARROWEST = 40
# tabulate widens every heading by two columns, which a wide table cannot spare
tabulating.MIN_PADDING = 0


def page(blocks: Sequence[Sequence[str]], width: int = WIDTH) -> str:
    """A whole report, ending in a newline: blocks of lines with an empty line between them.

    Each line is wrapped to `width`. A block without lines is left out.
    """
    lines = [line for block in blocks if block for line in ("", *block)][1:]
    return "\n".join(piece for line in lines for piece in fit(line, width)) + "\n"


def table(
    rows: Sequence[Sequence[str]],
    columns: Sequence[str],
    left: int,
    width: int = WIDTH,
    answer: Sequence[str] = (),
) -> list[str]:
    """Lines of a table whose first `left` columns are aligned to the left.

    A table wider than `width` loses columns, from the last but one backwards, and names them; two
    are left.
    Where the columns of the `answer` are named, all others go first, from the last one backwards.
    """
    kept = list(range(len(columns)))
    while True:
        align = ["left" if i < left else "right" for i in kept]
        cells = [[row[i] for i in kept] for row in rows]
        heads = [columns[i] for i in kept]
        lines = tabulate(
            cells, heads, "simple", colalign=align if cells else None, disable_numparse=True
        ).splitlines()
        if max(map(len, lines)) <= max(width, _NARROWEST) or len(kept) <= 2:
            break
        others = [i for i in kept[left:] if columns[i] not in answer]
        kept.remove(others[-1] if answer and others else kept[-2])
    hidden = [columns[i] for i in range(len(columns)) if i not in kept]
    if hidden:
        lines += fit(f"(no room for: {', '.join(hidden)}; --json has them)", width)
    return lines


def cut(text: str, room: int) -> str:
    """A name in at most `room` columns: it loses its start."""
    return text if len(text) <= room else f"...{text[len(text) - max(room - 3, 1) :]}"


def shortened(text: str, room: int) -> str:
    """A text in at most `room` columns: it loses its end."""
    return text if len(text) <= room else f"{text[: max(room - 3, 1)]}..."


def fit(line: str, width: int = WIDTH, indent: str = "  ") -> list[str]:
    """The lines that prose takes when wrapped to `width`, all but the first one with `indent`; the
    rule of a table is left as it is."""
    if len(line) <= width or line.startswith("---"):
        return [line]
    return textwrap.wrap(
        line, max(width, _NARROWEST), subsequent_indent=indent, break_on_hyphens=False
    )
