"""What a worker does on its host: each request is made by processes of its own, and one worker of
the host at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from tracer import __version__
from tracer.errors import TracerError
from tracer.experiment.fleet.lock import measuring

#: Ends a process of tracer.experiment.fleet.process with all that it started.
ENDS = signal.SIGHUP
_END_S = 10.0


class _Running:
    """The process that this worker has started, and whether it may start others."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.ends = False
        self.is_abandoned = False

    def require_wanted(self) -> None:
        """TracerError when nothing is to be started any more."""
        if self.ends or self.is_abandoned:
            raise TracerError("the worker ends" if self.ends else "nobody waits for the answer")

    def start(self, lock: int) -> subprocess.Popen[str]:
        module = "tracer.experiment.fleet.process"
        with self._guard:
            self.require_wanted()
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(os.getpid()), str(lock)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                pass_fds=(lock,),
            )
            return self._process

    def signal_end(self) -> subprocess.Popen[str] | None:
        """Have what was started end; the process."""
        with self._guard:
            if self._process is not None:
                self._process.send_signal(ENDS)
            return self._process


_running = _Running()


def serve() -> None:
    """This worker answers from now on."""
    _running.ends = False


def stop() -> None:
    """End what runs for this worker; it answers no longer."""
    _running.ends = True
    process = _running.signal_end()
    if process is not None:
        _await_end(process)


def abandon() -> None:
    """End what runs: nobody waits for the answer any more."""
    _running.is_abandoned = True
    _running.signal_end()


def _await_end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()


def answer(text: str) -> str:
    """Answer a request, JSON in and out: `value`, or `error` with `hint`.

    A request of another version is refused. `plan` gives what `planned_data` has, `block` the
    outcomes of its trials, each made by a process of its own, `sizes` what `sizes_data` has.
    """
    request = json.loads(text)
    _running.is_abandoned = False
    try:
        if request["version"] != __version__:
            raise TracerError(
                f"tracer {__version__} runs there, and tracer {request['version']} asks",
                "install the same version on both",
            )
        with measuring(request["limit_s"], _running.require_wanted) as lock:
            return json.dumps({"value": _value(request, lock)})
    except TracerError as error:
        return json.dumps({"error": error.message, "hint": error.hint})
    except OSError as error:
        return json.dumps({"error": f"cannot measure there: {error}", "hint": ""})


def value_in(reply: str) -> Any:
    """The value of such an answer; TracerError for an error."""
    data = json.loads(reply)
    if "error" in data:
        raise TracerError(data["error"], data["hint"])
    return data["value"]


def _value(request: Mapping[str, Any], lock: int) -> Any:
    limit_s = request["limit_s"]
    if request["do"] != "block":
        return _processed(request, lock, limit_s)
    if (wait_s := request["wait_quiet_s"]) is not None:
        _processed({"do": "wait", "limit_s": wait_s}, lock, wait_s + limit_s)
    conditions = {one["label"]: one for one in request["conditions"]}
    trials = [
        {
            "do": "trial",
            "condition": conditions[trial["condition"]],
            "trial": trial,
            "probes": request["probes"],
            "may_fail": request["may_fail"],
        }
        for trial in request["trials"]
    ]
    return [_processed(trial, lock, limit_s) for trial in trials]


def _processed(request: Mapping[str, Any], lock: int, limit_s: float) -> Any:
    """What a process of its own answers; TracerError where it fails or takes longer."""
    process = _running.start(lock)
    try:
        out, err = process.communicate(json.dumps(request), timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.send_signal(ENDS)
        _await_end(process)
        raise TracerError(f"a run took more than {limit_s:g} s and was ended") from None
    if process.returncode:
        last = (err.strip().splitlines() or ["it said nothing"])[-1]
        raise TracerError(f"a run there ended with status {process.returncode}: {last}")
    return value_in(out)
