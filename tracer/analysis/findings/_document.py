"""What the findings ask a document for, and the words that they share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tracer.analysis.next_command import again as again
from tracer.analysis.next_command import explain as explain
from tracer.analysis.next_command import profile as profile
from tracer.model.states import USER
from tracer.units import counted, duration, plain

Document = Mapping[str, Any]

#: A longer name of a thread, a file or a group is cut.
_LONGEST_NAME = 40
_SIMPLE_NAME = re.compile(r"[\w./:*+@#%=~-]+")


# ---- numbers ----


def window_ns(document: Document) -> int:
    """The measured time; never 0, to divide by."""
    return max(int(document["window_ns"]), 1)


def on_path_ns(document: Document, *parts: str) -> int:
    """Parts of the critical path (model.states.PATH_PARTS), summed."""
    return sum(int(document["ledgers"]["wall"]["parts"].get(part, 0)) for part in parts)


def all_threads_ns(document: Document, *parts: str) -> int:
    """Parts of all threads' time (model.states.OWN_PARTS), summed."""
    return sum(int(document["ledgers"]["threads"]["parts"].get(part, 0)) for part in parts)


def share(document: Document, ns: float) -> float:
    """`ns` as a share of the window."""
    return ns / window_ns(document)


def calls(document: Document, *names: str) -> list[Mapping[str, Any]]:
    """The rows of these system calls, of all without names; none where calls were not counted."""
    rows = document.get("syscalls") or []
    return [row for row in rows if not names or row["name"] in names]


def faults(document: Document) -> int:
    """Page faults of the target in the window; 0 too where nobody counted them."""
    found = document["kernel_time"]
    return int((found["minor_faults"] or 0) + (found["major_faults"] or 0))


def outside_calls_ns(document: Document) -> int:
    """The kernel's time outside calls, of all threads; 0 too where it is not known."""
    return int(document["kernel_time"]["outside_calls_ns"] or 0)


def is_outside_calls_seen(document: Document) -> bool:
    """That time is known, and more than its error."""
    found = document["kernel_time"]
    ns = found["outside_calls_ns"]
    return ns is not None and ns > (found["error_ns"] or 0)


def of_own_code_on_path_ns(document: Document, ns: int) -> int:
    """`ns` of all threads' own code, as the same share of the path's."""
    own_ns = max(all_threads_ns(document, USER), 1)
    return round(min(ns / own_ns, 1.0) * on_path_ns(document, USER))


# ---- words ----


def named(name: str) -> str:
    """A name that the target chose, in a sentence: escaped, cut, in quotes unless it is a word."""
    text = plain(name)
    if len(text) > _LONGEST_NAME:
        text = f"{text[: _LONGEST_NAME - 3]}..."
    return text if _SIMPLE_NAME.fullmatch(text) else f'"{text}"'


def repeated(number: int, ns: float) -> str:
    """`5 times, 422 ms each`, `once, 4.26 s`."""
    if number == 1:
        return f"once, {duration(ns)}"
    return f"{counted(number, 'time')}, {duration(ns / number)} each"


def rounded(share_: float) -> str:
    """A share of one as `85 %`; `<1 %` for a small one. Two figures of one document may be of
    instants that differ a little, as at the edges of an interval: none is printed above 100 %."""
    return "<1 %" if 0 < share_ < 0.01 else f"{100 * min(share_, 1.0):.0f} %"
