"""What is part of a function's name, and what stands around it."""

from __future__ import annotations

import re
from functools import lru_cache

_OPEN, _CLOSE = "<([{", ">)]}"
_OPERATOR = re.compile(r"\boperator(?=\W)")
#: Names of V8, `LazyCompile:~f /srv/a.js:2`, are no declarations.
_NO_DECLARATION = re.compile(r"\w+:(?!:)")
_DECLTYPE = re.compile(r"\bdecltype ?$")


@lru_cache(maxsize=65536)
def without_type(function: str) -> str:
    """Without the type of the result, which C++ (of templates) and Java put before the name:
    `std::sort<int*>(int*, int*)` of `void std::sort<int*>(int*, int*)`."""
    if " " not in function or _NO_DECLARATION.match(function):
        return function
    start = 0  # of the last word outside brackets
    operators = {match.start() for match in _OPERATOR.finditer(function)}
    for at, deep in depths(function):
        if deep:
            continue
        if at in operators or (function[at] == "(" and not _is_in_name(function, at)):
            return function[start:] if start < at else function
        if function[at] == " ":
            start = at + 1
    return function


def _is_in_name(function: str, at: int) -> bool:
    """Whether the bracket there opens no arguments."""
    return function.startswith("(anonymous ", at) or bool(_DECLTYPE.search(function[:at]))


def depths(text: str) -> list[tuple[int, int]]:
    """Of each character its place, and how many brackets are open there, itself not counted."""
    depth, found = 0, []
    for at, char in enumerate(text):
        is_arrow = char == ">" and text[at - 1 : at] == "-"
        if char in _CLOSE and not is_arrow:
            depth = max(depth - 1, 0)
        found.append((at, depth))
        if char in _OPEN:
            depth += 1
    return found
