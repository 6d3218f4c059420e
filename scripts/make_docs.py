"""Generate parts of the documents again; `make docs` runs this as root.

The text between `<!-- output: COMMAND -->` and `<!-- /output -->` is the command's output. All of
docs/words.md is made from tracer/model/words.py.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tracer.model.words import WORDS

ROOT = Path(__file__).resolve().parent.parent
WORDS_PAGE = ROOT / "docs" / "words.md"
MARKER = re.compile(
    r"^<!-- output: (?P<command>[^\n]+) -->\n(?P<body>.*?)^<!-- /output -->$", re.M | re.S
)


def pages() -> list[Path]:
    """Every document written by hand, some with generated parts."""
    every = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in every if page != WORDS_PAGE]


def words_page() -> str:
    """The text of docs/words.md."""
    lines = [f"- **{word}**: {meaning}" for word, meaning in WORDS.items()]
    intro = "`tracer help words` prints the same. Made by `make docs` from `tracer/model/words.py`."
    return "\n".join(["# The words of a report", "", intro, "", *lines, ""])


def output_of(command: str) -> str:
    """Run `tracer ...`; returns the command and its output as a block of text."""
    program, *arguments = shlex.split(command)
    if program != "tracer":
        raise ValueError(f"{command!r}: only tracer can be run here")
    done = subprocess.run(
        [sys.executable, "-m", "tracer", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80"},
    )
    if done.returncode:
        raise RuntimeError(f"{command}: exit status {done.returncode}\n{done.stderr}")
    return f"```text\n$ {command}\n{done.stdout.rstrip()}\n```\n"


def main() -> None:
    """Write every page that changes."""
    WORDS_PAGE.write_text(words_page())
    for page in pages():

        def block(match: re.Match[str]) -> str:
            command = match["command"]
            print(command, file=sys.stderr)
            return f"<!-- output: {command} -->\n{output_of(command)}<!-- /output -->"

        old = page.read_text()
        new = MARKER.sub(block, old)
        if new != old:
            page.write_text(new)


if __name__ == "__main__":
    main()
