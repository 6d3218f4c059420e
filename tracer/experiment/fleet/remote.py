"""What a worker does on its host: each request is made by processes of its own, and one worker of
the host at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tracer import __version__
from tracer.errors import TracerError

#: Held while something is measured on this host.
LOCK = Path("/run/lock/tracer-measuring")
#: Ends a process of tracer.experiment.fleet.process with all that it started.
ENDS = signal.SIGHUP
_LOOK_S, _END_S = 0.25, 10.0


class _Running:
    """The process that this worker has started, and whether it may start others."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.ends = False

    def start(self, lock: int) -> subprocess.Popen[str]:
        module = "tracer.experiment.fleet.process"
        with self._guard:
            if self.ends:
                raise TracerError("the worker ends")
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

    def stop(self) -> None:
        """End what was started; nothing else is started."""
        with self._guard:
            self.ends = True
            if self._process is not None:
                end(self._process)


_running = _Running()


def serve() -> None:
    """This worker answers from now on."""
    _running.ends = False


def stop() -> None:
    """End what runs for this worker; it answers no longer."""
    _running.stop()


def end(process: subprocess.Popen[str]) -> None:
    """End such a process with all that it started."""
    process.send_signal(ENDS)
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()


@contextlib.contextmanager
def measuring() -> Iterator[int]:
    """Hold the host's lock; gives its descriptor. Workers of one host wait for each other."""
    try:
        fd = os.open(LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        fd = os.open(LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if _running.ends:
                raise TracerError("the worker ends")
            time.sleep(_LOOK_S)
        yield fd
    finally:
        os.close(fd)


def answer(text: str) -> str:
    """Answer a request, JSON in and out: `value`, or `error` with `hint`.

    A request of another version is refused. `plan` gives what `planned_data` has, `block` the
    outcomes of its trials, each made by a process of its own.
    """
    request = json.loads(text)
    try:
        if request["version"] != __version__:
            raise TracerError(
                f"tracer {__version__} runs there, and tracer {request['version']} asks",
                "install the same version on both",
            )
        with measuring() as lock:
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
    if request["do"] == "plan":
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
        end(process)
        raise TracerError(f"a run took more than {limit_s:g} s and was ended") from None
    if process.returncode:
        last = (err.strip().splitlines() or ["it said nothing"])[-1]
        raise TracerError(f"a run there ended with status {process.returncode}: {last}")
    return value_in(out)
