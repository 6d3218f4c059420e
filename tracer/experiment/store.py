"""Outcomes saved as they come, so that the same command continues where it was broken off.

One file of JSON lines for each experiment: the first line says what it is, each further one is an
outcome or a note. It is in the state directory (XDG_STATE_HOME, else ~/.local/state) and belongs to
the user who called sudo; it is removed when the experiment is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracer.errors import TracerError
from tracer.host.user import Credentials
from tracer.model.trial import Outcome

_VERSION = 2
#: Older outcomes are not continued: the host is not what it was.
OLDEST_S = 24 * 3600


def directory() -> Path:
    """Where saved experiments are kept; it need not exist yet."""
    user = Credentials.of_sudo()
    if user is not None:
        return Path(user.home) / ".local" / "state" / "tracer"
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "tracer"


class Store:
    """The saved outcomes of one experiment; use as a context manager.

    Parameters
    ----------
    kind:
        The command, for the file's name.
    plan:
        Everything that decides what is measured, as JSON data. A different plan has its own file.
    fresh:
        Saved outcomes are removed, not continued.

    Raises TracerError when the file cannot be written, and when the saved outcomes are more than a
    day old.
    """

    def __init__(self, kind: str, plan: Mapping[str, Any], *, fresh: bool = False) -> None:
        head = json.dumps({"version": _VERSION, "kind": kind, "plan": plan}, sort_keys=True)
        name = hashlib.sha256(head.encode()).hexdigest()[:16]
        self.path = directory() / f"{kind}-{name}.jsonl"
        self.outcomes: list[Outcome] = []
        self.notes: dict[str, Any] = {}
        try:
            self._open(head, fresh)
        except OSError as error:
            raise TracerError(
                f"cannot save blocks in {self.path}: {error.strerror}",
                "set XDG_STATE_HOME to a directory that can be written to",
            ) from None

    def _open(self, head: str, fresh: bool) -> None:
        missing = [p for p in (self.path.parent, *self.path.parent.parents) if not p.exists()]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for path in missing:
            _give_to_user(path)
        whole: list[str] = []
        if self.path.exists() and not fresh:
            # a kill can cut the last line: an incomplete one does not count as saved
            lines = self.path.read_text().split("\n")
            if lines[0] == head:
                whole = lines[1:-1]
        for line in whole:
            data = json.loads(line)
            if "note" in data:
                self.notes[data["note"]] = data["value"]
            else:
                self.outcomes.append(Outcome.from_plain(data))
        self._require_recent()
        self._file = self.path.open("w")
        _give_to_user(self.path)
        self._file.write("\n".join([head, *whole]) + "\n")
        self._sync()

    def _require_recent(self) -> None:
        if not self.outcomes:
            return
        oldest_s = min(outcome.at_s for outcome in self.outcomes)
        if time.time() - oldest_s > OLDEST_S:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(oldest_s))
            raise TracerError(
                f"{len(self.outcomes)} runs of this experiment are saved, the oldest from {when}:"
                " more than a day ago, so they are not continued",
                "start anew: the same command with --fresh",
            )

    def add(self, *outcomes: Outcome) -> None:
        """Save outcomes; they are on the disk when this returns."""
        self.outcomes += outcomes
        self._file.write("".join(json.dumps(outcome.plain()) + "\n" for outcome in outcomes))
        self._sync()

    def note(self, name: str, value: Any) -> None:
        """Save something else under a name, once: a second value does not replace the first."""
        if name not in self.notes:
            self.notes[name] = value
            self._file.write(json.dumps({"note": name, "value": value}) + "\n")
            self._sync()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def complete(self) -> None:
        """The experiment is complete: remove the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        """Unless the experiment is complete, the file is left for the next start."""
        self._file.close()


def _give_to_user(path: Path) -> None:
    """Under sudo the files belong to its caller."""
    user = Credentials.of_sudo()
    if user is not None:
        os.chown(path, user.uid, user.gid)
