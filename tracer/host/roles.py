"""What a process is for, from its command line: `postgres: checkpointer`, `chromium
--type=renderer`, `python3 server.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Programs whose first argument that is no option names what they run.
_INTERPRETERS = re.compile(
    r"(python|pypy|perl|ruby|node|nodejs|php|lua|bash|sh|dash|zsh|java|deno|bun)[\d.]*t?$"
)
#: Options of theirs that are followed by a value which is no script.
_WITH_VALUE = {"-W", "-X", "-cp", "-classpath", "--class-path", "-r", "--require", "-I", "-O"}
_LONGEST = 40


def role(argv: Sequence[str], name: str) -> str:
    """In at most 40 characters. `name`: the kernel's name of the process, for one without a command
    line."""
    if not argv:
        return name
    if _is_title(argv):
        return _cut(" ".join(argv).strip())
    program = argv[0].rpartition("/")[2]
    kind = next((word for word in argv[1:] if word.startswith("--type=")), "")
    return _cut(f"{program} {kind or script(argv)}".strip() or name)


def script(argv: Sequence[str]) -> str:
    """What an interpreter runs: `server.py`, `-m http.server`; empty for another program."""
    program = argv[0].rpartition("/")[2] if argv else ""
    return _script(argv[1:]) if _INTERPRETERS.match(program.removeprefix("-")) else ""


def _is_title(argv: Sequence[str]) -> bool:
    """Whether it has written what it does over its command line: `nginx: worker process`."""
    return bool(re.match(r"[^/ ]+: ", " ".join(argv))) and len(argv[0].split()) > 1


def _script(words: Sequence[str]) -> str:
    skip = False
    for at, word in enumerate(words):
        if skip:
            skip = False
        elif word == "-m" and at + 1 < len(words):
            return f"-m {words[at + 1]}"
        elif word == "-jar" and at + 1 < len(words):
            return words[at + 1].rpartition("/")[2]
        elif word in ("-c", "-e", "--eval"):
            return word
        elif word in _WITH_VALUE:
            skip = True
        elif not word.startswith("-"):
            return word.rpartition("/")[2]
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
