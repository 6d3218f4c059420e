"""Lines and tables that fit the terminal; text of the target made harmless."""

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


def table(
    rows: Sequence[Sequence[str]], columns: Sequence[str], left: int, width: int = WIDTH
) -> list[str]:
    """Lines of a table whose first `left` columns are aligned to the left.

    One that is wider than `width` loses columns, from the last but one backwards, and says so.
    """
    kept = list(range(len(columns)))
    while True:
        align = ["left" if i < left else "right" for i in kept]
        cells = [[row[i] for i in kept] for row in rows]
        heads = [columns[i] for i in kept]
        lines = tabulate(
            cells, heads, "simple", colalign=align if cells else None, disable_numparse=True
        ).splitlines()
        if max(map(len, lines)) <= max(width, _NARROWEST) or len(kept) <= left + 1:
            break
        del kept[-2]
    hidden = [columns[i] for i in range(len(columns)) if i not in kept]
    if hidden:
        lines += fit(f"(no room for: {', '.join(hidden)}; --json has them)", width)
    return lines


def fit(line: str, width: int = WIDTH) -> list[str]:
    """Prose wrapped to the width; tables are left as they are."""
    if len(line) <= width or line.startswith("---"):
        return [line]
    return textwrap.wrap(
        line, max(width, _NARROWEST), subsequent_indent="  ", break_on_hyphens=False
    )
