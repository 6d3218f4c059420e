"""One process on a host that plans an experiment there or makes one trial, and dies with its
worker: `python -m tracer.experiment.fleet.process PARENT LOCK`, JSON in, JSON out.

LOCK is the descriptor of the host's lock, which is held for as long as this process lives.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from tracer.errors import TracerError
from tracer.experiment.brigade_sizes import contestants, sizes_data
from tracer.experiment.condition import Condition
from tracer.experiment.fleet.questions import Question, plan, planned_data
from tracer.experiment.fleet.remote import ENDS
from tracer.experiment.runner import Forgiving, Runner
from tracer.experiment.surroundings import wait_until_quiet
from tracer.host.processes import children, descendants
from tracer.model.trial import Trial
from tracer.progress import Progress

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def _end(_number: int, _frame: object) -> None:
    """Kill all that was started here, whatever it forked meanwhile, and end."""
    while below := descendants(children(os.getpid())):
        for pid in below:
            # it may have ended by itself; a grandchild is waited for once its parent is dead
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    os._exit(143)


def _die_with(parent: int) -> None:
    """End, with all that was started here, when the worker `parent` is gone."""
    signal.signal(ENDS, _end)
    for number in (signal.SIGINT, signal.SIGTERM):  # a terminal's Ctrl-C is the worker's
        signal.signal(number, signal.SIG_IGN)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what a target leaves behind stays below
    libc.prctl(_PR_SET_PDEATHSIG, ENDS, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(143)


def _done(request: Mapping[str, Any]) -> dict[str, Any]:
    progress = Progress(shown=False)
    if request["do"] == "plan":
        return planned_data(plan(Question(request["kind"], request["asked"]), progress))
    if request["do"] == "wait":
        wait_until_quiet(request["limit_s"], progress)
        return {}
    if request["do"] == "sizes":
        return sizes_data(contestants(progress, in_python=request["in_python"]))
    condition = Condition.from_plain(request["condition"])
    with Runner([condition], request["probes"], progress) as runner:
        forgiving = Forgiving(runner, request["may_fail"])
        return forgiving.run(Trial(**request["trial"])).plain()


def main() -> None:
    """Answer the request on standard input: `{"value": ...}` or `{"error": ..., "hint": ...}`."""
    parent, lock = map(int, sys.argv[1:])
    _die_with(parent)
    os.set_inheritable(lock, False)
    answers = os.fdopen(os.dup(1), "w", errors="replace")
    os.dup2(2, 1)  # what a library prints is no answer
    request = json.loads(sys.stdin.read())
    answer: dict[str, Any]
    try:
        answer = {"value": _done(request)}
    except TracerError as error:
        answer = {"error": error.message, "hint": error.hint}
    answers.write(json.dumps(answer))
    answers.flush()


if __name__ == "__main__":
    main()
