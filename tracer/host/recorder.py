"""Recordings on disk: a directory with every event of a run (docs/recordings.md), written."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracer.errors import TracerError
from tracer.host import parquet_events
from tracer.host.cpus import online_cpus
from tracer.host.fingerprint import fingerprint
from tracer.host.recordings import FORMAT, META, REPORT, VECTORS, VERSION, require_libraries
from tracer.host.spool import Spool, spooled
from tracer.host.user import Credentials
from tracer.model.events import Kind
from tracer.model.recording import Recording
from tracer.model.states import OWN_PARTS, PATH_PARTS, SOURCES, RunState


class Recorder:
    """The directory of one recording, from its making on; use as a context manager.

    TracerError (exit status 2) where it cannot be made, or is not empty.
    """

    def __init__(self, path: str) -> None:
        require_libraries()
        self.path = Path(path)
        try:
            self.path.mkdir(exist_ok=True)
            if any(self.path.iterdir()):
                raise TracerError(
                    f"{path} is not empty",
                    "nothing was run; name a directory that is empty or does not exist",
                    exit_code=2,
                )
            self._fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise TracerError(
                f"cannot record into {path}: {error.strerror}",
                "nothing was run; name a directory that can be made and written to",
                exit_code=2,
            ) from None
        self.spool = Spool(self._fd)
        self._meta: dict[str, Any] = {}
        self._recording: Recording | None = None

    def begin(self, command: Sequence[str]) -> None:
        """Say what is recorded, before it is."""
        self._meta = {
            "format": FORMAT,
            "version": VERSION,
            "complete": False,
            "truncated": "the recording was not ended",
            "command": list(command),
            "host": fingerprint(),
            "machine": platform.machine(),
            "clock": "CLOCK_MONOTONIC",
            "began": {"monotonic_ns": time.monotonic_ns(), "realtime_ns": time.time_ns()},
            "cpus": list(online_cpus()),
            "kinds": {kind.name: int(kind) for kind in Kind},
            "states": {state.name: int(state) for state in RunState},
            "own_parts": list(OWN_PARTS),
            "path_parts": list(PATH_PARTS),
            "sources": list(SOURCES),
        }
        self._write_meta()

    def keep(
        self, recording: Recording, losses: Mapping[tuple[int, int], int], failure: str = ""
    ) -> None:
        """The run is over: its recording, what was lost, by CPU and second, and why reading ended
        early."""
        self.spool.close()
        self._recording = recording
        truncated = self.spool.failure or failure
        self._meta |= {
            "complete": not truncated,
            "truncated": truncated or None,
            "window": {
                "start_ns": recording.start_ns,
                "end_ns": recording.end_ns,
                "end_slot": recording.end_slot,
            },
            "events": self.spool.written,
            "losses": {
                "total": sum(losses.values()),
                "by_cpu_second": [[*key, losses[key]] for key in sorted(losses)],
            },
            "threads": _threads(recording),
        }
        self._write_meta()
        self._write_vectors(recording)

    def end(self, report: Mapping[str, Any]) -> str:
        """Write the rest down, with the JSON document of the run; one line for the user."""
        if self._recording is None:
            return ""
        self._write(REPORT, json.dumps(report).encode())
        files = parquet_events.write(parquet_events.merged(spooled(self.path)), self._fd)
        self._meta["files"] = files
        self._write_meta()
        for file in spooled(self.path).values():
            file.unlink()
        self._give_to_user()
        size = sum(file.stat().st_size for file in self.path.iterdir())
        return f"recorded {self.spool.written:,} events in {self.path} ({size / 1e6:.1f} MB)"

    def close(self) -> None:
        self.spool.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_meta(self) -> None:
        self._write(META, json.dumps(self._meta, indent=1).encode())

    def _write(self, name: str, content: bytes) -> None:
        part = f".{name}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with open(os.open(part, flags, 0o666, dir_fd=self._fd), "wb") as stream:  # noqa: PTH123
            stream.write(content)
        os.replace(part, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def _write_vectors(self, recording: Recording) -> None:
        rows, cpus = recording.threads, recording.cpus
        known = np.flatnonzero(rows["tid"] != 0)
        columns = {f"threads.{name}": rows[name][known] for name in rows.dtype.names or ()}
        columns["threads.row"] = known
        columns["epoch"] = np.array(recording.epoch)
        columns |= {f"cpus.{name}": cpus[name] for name in cpus.dtype.names or ()}
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with open(os.open(VECTORS, flags, 0o666, dir_fd=self._fd), "wb") as stream:  # noqa: PTH123
            np.savez_compressed(stream, **columns)  # type: ignore[arg-type]  # not that parameter

    def _give_to_user(self) -> None:
        """Under sudo the directory belongs to its caller."""
        user = Credentials.of_sudo()
        if user is None:
            return
        os.fchown(self._fd, user.uid, user.gid)
        for file in self.path.iterdir():
            os.chown(file, user.uid, user.gid, follow_symlinks=False)


def _threads(recording: Recording) -> list[dict[str, Any]]:
    rows = recording.threads
    leaders = {int(rows["tid"][slot]): slot for slot in np.flatnonzero(rows["tid"] != 0).tolist()}
    found = []
    for slot in np.flatnonzero(rows["tid"] != 0).tolist():
        tid, tgid, life = (int(rows[name][slot]) for name in ("tid", "tgid", "life"))
        leader = leaders.get(tgid)
        found.append({
            "slot": slot, "life": life, "tid": tid, "tgid": tgid, "name": recording.name_of(slot),
            "process": "" if leader is None else recording.name_of(leader),
        })  # fmt: skip
    return found
