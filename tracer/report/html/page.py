"""The file: the skeleton, the style, the libraries, the scripts, and the JSON that they draw.

Scripts from elsewhere are forbidden by the page's own policy, which knows each of its scripts by
its digest; so are all loads. Nothing of the target is markup: it is JSON, and shown as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from tracer.units import plain

#: Bytes of the data of a page at most; what makes the views bins to a good part of it.
MOST_BYTES = 5_000_000
_HERE = Path(__file__).parent
#: The libraries, each with its licence: name, script, style, file of the licence, what it is.
_LIBRARIES = (
    ("d3", "d3.min.js", "", "d3.LICENSE", "D3 7.9.0, ISC licence"),
    (
        *("d3-flame-graph", "d3-flamegraph.umd.min.js", ""),
        *("d3-flame-graph.LICENSE", "d3-flame-graph 5.0.0, Apache licence 2.0"),
    ),
    ("uPlot", "uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE", "uPlot 1.6.32, MIT licence"),
)
#: In the order in which one may need another.
_SCRIPTS = (
    *("dom", "units", "theme", "table", "bars", "ledger", "flame", "plots", "intervals"),
    *("states", "page"),
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def page(
    title: str,
    views: Iterable[Mapping[str, Any]],
    documents: Sequence[Mapping[str, Any]] = (),
    total: int = 1,
) -> str:
    """The whole page, UTF-8 text. `views`: each a title, a label and sections, of which the reader
    chooses one; of `total` as many are made as there is room for. `documents`: the reports they
    were made from, kept in the page where there is room.
    """
    shown, report = _kept(title, views, documents, total)
    scripts = [*_libraries(), _script()]
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_digest, scripts))}",
            "style-src 'unsafe-inline'",  # the libraries place what they draw by style
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    members = {
        "policy": policy,
        "title": escape(plain(title)),
        "style": _style(),
        "licences": _licences(),
        "view": shown,
        "report": report,
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    # in one pass: what a name of the target says is no place for another member
    return re.sub(
        r"\{\{(\w+)\}\}", lambda match: members[match[1]], (_HERE / "page.html").read_text()
    )


def _kept(
    title: str,
    views: Iterable[Mapping[str, Any]],
    documents: Sequence[Mapping[str, Any]],
    total: int,
) -> tuple[str, str]:
    """The views and the documents as JSON, at most `MOST_BYTES`; the page says what had no room."""
    kept: list[str] = []
    room = MOST_BYTES
    for view in views:
        text = _json(view)
        size = len(text.encode())
        if size > room and kept:
            break
        kept.append(text)
        room -= size
    notes = []
    if len(kept) < total:
        notes.append(f"Of {total} views the first {len(kept)} have room in this page.")
    report = _json(documents[0] if len(documents) == 1 else list(documents))
    if len(report.encode()) > room:
        report = "null"
        notes.append("The report itself is too long to be kept in this page: --json has it.")
    head = f'{{"title":{_json(plain(title))},"notes":{_json(notes)}'
    return f'{head},"views":[{",".join(kept)}]}}', report


def _json(data: Any) -> str:
    """JSON that can stand inside a script element, whatever it says: without bytes that are not
    UTF-8, and with null for what is no finite number."""
    try:
        text = _ENCODER.encode(data)
    except ValueError:
        text = _ENCODER.encode(_finite(data))
    text = _LONE_SURROGATE.sub("\ufffd", text)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(member) for member in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value


def _digest(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@cache
def _libraries() -> tuple[str, ...]:
    return tuple((_HERE / "vendor" / script).read_text() for _name, script, *_ in _LIBRARIES)


@cache
def _script() -> str:
    """The page's own scripts as one, each of them a part of one function."""
    parts = ((_HERE / "js" / f"{name}.js").read_text() for name in _SCRIPTS)
    return '"use strict";\n(function () {\n' + "\n".join(parts) + "\n})();\n"


@cache
def _style() -> str:
    styles = [(_HERE / "vendor" / style).read_text() for _n, _s, style, *_ in _LIBRARIES if style]
    return "\n".join([*styles, (_HERE / "style.css").read_text()])


@cache
def _licences() -> str:
    """A line for each library, which opens into its licence."""
    return "\n".join(
        f"<details><summary>{escape(what)}</summary>"
        f"<pre>{escape((_HERE / 'vendor' / licence).read_text())}</pre></details>"
        for _name, _script_file, _style_file, licence, what in _LIBRARIES
    )
