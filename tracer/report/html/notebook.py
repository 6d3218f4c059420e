"""The ledger as a small table for notebooks: no scripts, no style sheet, no request."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tracer.report.run.path import LEAST_SHOWN
from tracer.units import duration, percent, plain

_CELL = "padding:1px 10px;text-align:right"
_LABEL = "padding:1px 10px 1px {indent}px;text-align:left"
_BAR = "display:inline-block;height:9px;width:{width}px;background:#4878a8"
_INDENT_PX, _BAR_PX = 16, 160


def ledger_table(
    rows: Sequence[tuple[str, float, float, int]], total_ns: int, residual_ns: int
) -> str:
    """`rows`: label, ns, share of the window, level. Labels may hold names that the target has."""
    body = [_row(*row) for row in rows if row[2] >= LEAST_SHOWN]
    accounted = f"accounted {duration(total_ns - residual_ns)} of {duration(total_ns)}"
    heads = "".join(
        f'<th style="{style}">{head}</th>'
        for head, style in (
            ("Where the time went (critical path)", _LABEL.format(indent=10)),
            ("time", _CELL),
            ("share", _CELL),
            ("", ""),
        )
    )
    return (
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table>"
        f"<div>{accounted}</div>"
    )


def _row(label: str, ns: float, share: float, level: int) -> str:
    name = escape(plain(label))
    label_style = _LABEL.format(indent=10 + _INDENT_PX * level)
    bar = _BAR.format(width=round(_BAR_PX * min(share, 1)))
    return (
        f'<tr><td style="{label_style}">{name if level else f"<b>{name}</b>"}</td>'
        f'<td style="{_CELL}">{duration(ns)}</td><td style="{_CELL}">{percent(share)}</td>'
        f'<td style="text-align:left"><span style="{bar}"></span></td></tr>'
    )
