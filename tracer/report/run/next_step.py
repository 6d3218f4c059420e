"""The next step: a change in words, or a command in a form that can be pasted."""

from __future__ import annotations

import re

from tracer.report.layout import fit
from tracer.units import plain

#: A command gets so many lines; of a longer one the middle is left out.
_MOST_LINES = 3
#: Words of a command as a shell reads them, each with its quotes.
_WORD = re.compile(r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\]|['"\\])+""")
_LEFT_OUT = "..."


def next_step(following: str, width: int) -> list[str]:
    """`Try: ...`, nothing without a next step. A command that is too long for a line ends its lines
    in backslashes."""
    if not following:
        return []
    text = f"Try: {plain(following)}"
    if len(text) <= width or not following.startswith(("tracer ", "sudo tracer ")):
        return fit(text, width)
    words = [_cut(word, width // 2) for word in _WORD.findall(text)]
    for left_out in range(len(words)):
        lines = _wrapped(_without_middle(words, left_out), width)
        if len(lines) <= _MOST_LINES and all(len(line) <= width for line in lines):
            return lines
    return fit(text, width)[:_MOST_LINES]


def _cut(word: str, room: int) -> str:
    """A word that fits a line beside others: a long one loses its middle."""
    if len(word) <= room:
        return word
    half = (room - len(_LEFT_OUT)) // 2
    return f"{word[:half]}{_LEFT_OUT}{word[-half:]}"


def _without_middle(words: list[str], number: int) -> list[str]:
    """Without so many words from the middle: options and the program's name are at the start."""
    if not number:
        return words
    kept = len(words) - number
    end = kept // 3
    return [*words[: kept - end], _LEFT_OUT, *words[len(words) - end :]]


def _wrapped(words: list[str], width: int) -> list[str]:
    """In lines of `width`, all but the last one with a backslash."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 3 <= width:
            lines[-1] += f" {word}"
        else:
            lines[-1] += " \\"
            lines.append(f"  {word}")
    return lines
