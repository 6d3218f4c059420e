"""The bucket brigade of kernel threads, in Python: each hop also needs the interpreter's lock."""

from __future__ import annotations

import os
import threading
import time

from workloads.python.control import Control, raise_open_files
from workloads.python.options import Options, compute, fail, parse, row

#: More than a member uses.
STACK_BYTES = 1 << 20


def pass_on(upstream: int, downstream: int, work: int) -> None:
    """One member of the brigade, until its input ends; then it ends its neighbours' input."""
    try:
        while byte := os.read(upstream, 1):
            if work:
                compute(work)
            os.write(downstream, byte)
    except BrokenPipeError:
        pass
    finally:
        os.close(upstream)
        os.close(downstream)


def trip(front: int, back: int, tokens: int) -> int:
    """Send the bytes through; returns how long it took, ns."""
    start = time.perf_counter_ns()
    for _ in range(tokens):
        os.write(front, b"*")
    for _ in range(tokens):
        if not os.read(back, 1):
            fail("a thread of the brigade ended too early")
    return time.perf_counter_ns() - start


def run(options: Options, control: Control) -> None:
    """The whole run."""
    front, back, members = row(options)
    threading.stack_size(STACK_BYTES)
    threads = []
    try:
        for member in members:
            thread = threading.Thread(target=pass_on, args=(*member, options.work), daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError as error:
        fail(f"cannot make threads for {options.tasks} tasks: {error}; raise ulimit -u")
    times = [0] * options.iters
    for _ in range(options.warmups):
        trip(front, back, options.tokens)
    control.begin()
    for number in range(options.iters):
        times[number] = trip(front, back, options.tokens)
    measured = control.end()
    os.close(front)
    for thread in threads:
        thread.join()
    os.close(back)
    control.report(options, times, measured)


if __name__ == "__main__":
    chosen = parse("thread-brigade (Python)")
    raise_open_files()
    run(chosen, Control())
