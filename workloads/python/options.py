"""The command line of the twins in Python: the options of the native programs."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

#: The measurement of a joint's capacity stops here.
MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Options:
    """What to run. `work` is in steps; `transport` is socketpair or pipe."""

    tasks: int
    iters: int
    warmups: int
    tokens: int
    work: int
    transport: str
    json: bool


class Parser(argparse.ArgumentParser):
    """An error is one line on stderr and exit status 2, as in the native programs."""

    def error(self, message: str) -> NoReturn:
        fail(f"{self.prog}: {message}", 2)


def fail(message: str, status: int = 1) -> NoReturn:
    """End the program with a line on stderr."""
    print(message, file=sys.stderr)
    sys.exit(status)


def _count(least: int) -> object:
    def count(text: str) -> int:
        if text.isascii() and text.isdigit() and int(text) >= least:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number of {least} or more")

    return count


def parse(prog: str, words: Sequence[str] | None = None) -> Options:
    """Parse the command line; ends the program when it is wrong."""
    parser = Parser(prog=prog, allow_abbrev=False)
    for name, least, default in (
        ("tasks", 1, 500),
        ("iters", 1, 10000),
        ("warmups", 0, 100),
        ("tokens", 1, 1),
        ("work", 0, 0),
    ):
        parser.add_argument(f"--{name}", type=_count(least), default=default)  # type: ignore[arg-type]
    parser.add_argument("--transport", choices=("socketpair", "pipe"), default="socketpair")
    parser.add_argument("--json", action="store_true")
    options = Options(**vars(parser.parse_args(words)))
    if options.tokens > 1 and options.tokens > (most := capacity(options.transport)):
        parser.error(
            f"--tokens {options.tokens}: a joint of this transport holds at most {most},"
            " and with more the brigade could stand still"
        )
    return options


def join(transport: str) -> tuple[int, int]:
    """A new joint: the descriptor to read from and the one to write to."""
    if transport == "pipe":
        return os.pipe()
    read, write = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return read.detach(), write.detach()


def capacity(transport: str) -> int:
    """How many bytes, written one by one, a joint takes before one is read."""
    read, write = join(transport)
    os.set_blocking(write, False)
    taken = 0
    try:
        while taken < MOST_BYTES:
            taken += os.write(write, b"*")
    except BlockingIOError:
        pass
    os.close(read)
    os.close(write)
    return taken


def row(options: Options) -> tuple[int, int, list[tuple[int, int]]]:
    """A row of joints: the driver's front and back, and the two ends of each member."""
    members = []
    try:
        back, front = join(options.transport)
        for _ in range(options.tasks):
            next_back, downstream = join(options.transport)
            members.append((back, downstream))
            back = next_back
    except OSError as error:
        fail(
            f"cannot make sockets or pipes for {options.tasks} tasks: {error.strerror};"
            f" about {2 * options.tasks + 20} descriptors are needed: raise the limit of"
            " open files (ulimit -Hn)"
        )
    return front, back, members


def compute(steps: int) -> int:
    """The work of a hop: each step depends on the one before it."""
    value = 1
    for _ in range(steps):
        value = ((value ^ (value >> 29)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    return value
