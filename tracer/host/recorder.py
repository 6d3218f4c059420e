"""Recordings on disk: a directory with every event of a run (docs/recordings.md), written."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError
from tracer.host import parquet_events
from tracer.host.cpus import online_cpus
from tracer.host.fingerprint import fingerprint
from tracer.host.recordings import FORMAT, META, REPORT, VECTORS, VERSION, require_libraries
from tracer.host.spool import KNOWN_DTYPE, Segments, Spool, spool_files, spooled
from tracer.host.stopping import Stop
from tracer.host.user import Credentials
from tracer.model.events import Kept, Kind
from tracer.model.recording import Recording
from tracer.model.states import OWN_PARTS, PATH_PARTS, SOURCES, RunState
from tracer.model.trigger import Trigger

#: Bytes kept free until the end, so that a full disk takes what is written then.
_RESERVE, _RESERVED = ".reserve", 1 << 21


class Recorder:
    """The directory of one recording, from its making on; use as a context manager.

    With `last_s` only so many seconds are kept, up to the end, which `stop` brings about: by a
    signal, or where `when` is met.
    TracerError (exit status 2) where it cannot be made, or is not empty. Later failures end no run:
    they are told in what `keep` and `end` return.
    """

    def __init__(
        self,
        path: str,
        last_s: float | None = None,
        when: Trigger | None = None,
        stop: Stop | None = None,
    ) -> None:
        require_libraries()
        self.when, self.stop = when, stop
        self.path = Path(path)
        self._is_new = not self.path.exists()
        try:
            self.path.mkdir(exist_ok=True)
            if any(self.path.iterdir()):
                raise TracerError(
                    f"{path} is not empty",
                    "nothing was run; name a directory that is empty or does not exist",
                    exit_code=2,
                )
            self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            #: The directory itself, also where it has been moved meanwhile.
            self._place = Path(f"/proc/self/fd/{self.fd}")
            self._write(_RESERVE, b"")
        except OSError as error:
            raise TracerError(
                f"cannot record into {path}: {error.strerror}",
                "nothing was run; name a directory that can be made and written to",
                exit_code=2,
            ) from None
        self._last_s = last_s
        self.spool = Spool(self.fd) if last_s is None else Segments(self.fd, last_s)
        self._meta: dict[str, Any] = {}
        self._kept: Kept | None = None

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
        try:
            self._write_meta()
            with self._opened(_RESERVE) as stream:
                os.posix_fallocate(stream.fileno(), 0, _RESERVED)
        except OSError as error:
            self.discard()
            raise TracerError(
                f"cannot record into {self.path}: {error.strerror}",
                "nothing was run; make room, or name another directory",
                exit_code=2,
            ) from None

    def discard(self) -> None:
        """The run did not get as far as its window: nothing of it stays."""
        self.spool.close()
        with contextlib.suppress(OSError):
            for file in (self._place / META, *spool_files(self._place)):
                file.unlink(missing_ok=True)
        self._meta = {}

    def keep(
        self, recording: Recording, losses: Mapping[tuple[int, int], int], failure: str = ""
    ) -> Kept:
        """The run is over: what became of its events. `losses` are those that found no room, by CPU
        and second; `failure`: why they were read to the end no more."""
        self.spool.close()
        truncated = self.spool.failure or failure
        since_ns = self.spool.start_ns
        start_ns = max(recording.start_ns, since_ns)
        threads = _threads(recording)
        self._meta |= {
            "complete": not truncated,
            "truncated": truncated or None,
            "command": self._meta["command"] or list(recording.argv),
            "last": None
            if self._last_s is None
            else {
                "seconds": self._last_s,
                "since_ns": since_ns,
                "stopped": self.stop.why if self.stop else "",
            },
            "window": {
                "start_ns": start_ns,
                "end_ns": recording.end_ns,
                "end_slot": recording.end_slot,
            },
            "cpus_at_end": list(recording.online_cpus),
            "events": self.spool.written,
            "losses": {
                "total": sum(losses.values()),
                "by_cpu_second": [[*key, losses[key]] for key in sorted(losses)],
            },
            "threads": [*threads, *_gone(self.spool.threads, threads)],
        }
        try:
            self._remove(_RESERVE)
            self._write_meta()
            self._write_vectors(recording)
        except OSError as error:
            truncated = truncated or f"the end could not be written: {error.strerror}"
        self._kept = Kept(self._name(), self.spool.written, start_ns, dict(losses), truncated)
        return self._kept

    @property
    def is_whole(self) -> bool:
        """Every event of the run is there."""
        return self._kept is not None and self._kept.is_whole

    def end(self, report: Mapping[str, Any]) -> str:
        """Write the rest, with the JSON document of the run; what to tell the user."""
        if self._kept is None:
            return f"nothing was recorded in {self.path}"
        told = f"{self._kept.events:,} events"
        if self.stop and self.stop.why:
            told += f" up to the end ({self.stop.why})"
        with contextlib.suppress(OSError):
            self._write(REPORT, json.dumps(report).encode())
        try:
            near_ns = self._meta["began"]["monotonic_ns"]
            events = parquet_events.merged(spooled(self._place), self.spool.start_ns, near_ns)
            self._meta["files"], self._meta["events"] = parquet_events.write(events, self.fd)
            self._write_meta()
            for file in spool_files(self._place):
                file.unlink()
        except OSError as error:
            with contextlib.suppress(OSError):
                for file in self._place.glob("events-*.parquet"):  # incomplete
                    file.unlink()
            told += f" as they came, since no other file could be made ({error.strerror})"
        size = sum(file.stat().st_size for file in self._place.iterdir())
        told = f"recorded {told} in {self._name()} ({size / 1e6:.1f} MB)"
        if self._kept.lost:
            told += f"; {self._kept.lost:,} events are LOST: they came too fast"
        if self._kept.truncated:
            told += f"; TRUNCATED: {self._kept.truncated}"
        return told

    def close(self) -> None:
        """Give all to the user; where nothing was begun, the directory goes again."""
        if self.fd < 0:
            return
        self.spool.close()
        with contextlib.suppress(OSError):
            self._remove(_RESERVE)
            if not self._meta and self._is_new:
                self.path.rmdir()
            self._give_to_user()
        os.close(self.fd)
        self.fd = -1

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _name(self) -> str:
        """Its path, or where it is now."""
        return str(self.path if self.path.is_dir() else self._place.readlink())

    def _opened(self, name: str) -> BinaryIO:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        return os.fdopen(os.open(name, flags, 0o666, dir_fd=self.fd), "wb")

    def _write_meta(self) -> None:
        self._write(META, json.dumps(self._meta, indent=1).encode())

    def _write(self, name: str, content: bytes) -> None:
        """Beside the old one first, so that there is always a whole one."""
        part = f".{name}.part"
        try:
            with self._opened(part) as stream:
                stream.write(content)
            os.replace(part, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except OSError:
            self._remove(part)
            raise

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.fd)

    def _write_vectors(self, recording: Recording) -> None:
        rows, cpus = recording.threads, recording.cpus
        known = np.flatnonzero(rows["tid"] != 0)
        columns = {f"threads.{name}": rows[name][known] for name in rows.dtype.names or ()}
        columns["threads.row"] = known
        columns["epoch"] = np.array(recording.epoch)
        columns |= {f"cpus.{name}": cpus[name] for name in cpus.dtype.names or ()}
        with self._opened(VECTORS) as stream:
            np.savez_compressed(stream, **columns)  # type: ignore[arg-type]  # not that parameter

    def _give_to_user(self) -> None:
        """Under sudo the directory belongs to its caller."""
        user = Credentials.of_sudo()
        if user is None:
            return
        os.fchown(self.fd, user.uid, user.gid)
        for file in self._place.iterdir():
            os.chown(file, user.uid, user.gid, follow_symlinks=False)


def _gone(before: NDArray[np.void], there: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Threads of `before` (KNOWN_DTYPE) that are not among those of the end; their names are in the
    events."""
    lives = {(one["slot"], one["life"]) for one in there}
    for row in before.tolist():
        one = dict(zip(KNOWN_DTYPE.names or (), row, strict=True))
        if (one["slot"], one["life"]) not in lives:
            yield {**one, "name": "", "process": ""}


def _threads(recording: Recording) -> list[dict[str, Any]]:
    """Who was there at the end, by row."""
    rows = recording.threads
    slots = np.flatnonzero(rows["tid"] != 0).tolist()
    leaders = {int(rows["tid"][slot]): slot for slot in slots}
    found = []
    for slot in slots:
        tid, tgid, life = (int(rows[name][slot]) for name in ("tid", "tgid", "life"))
        leader = leaders.get(tgid)
        found.append({
            "slot": slot, "life": life, "tid": tid, "tgid": tgid, "name": recording.name_of(slot),
            "process": "" if leader is None else recording.name_of(leader),
        })  # fmt: skip
    return found
