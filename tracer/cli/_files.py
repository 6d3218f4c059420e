"""Output files: opened before the run, so that a bad name is refused early; written completely or
not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tracer.errors import TracerError
from tracer.host.user import Credentials


def _give_to_user(fd: int) -> None:
    """Under sudo the file belongs to its caller."""
    user = Credentials.of_sudo()
    if user is not None:
        os.fchown(fd, user.uid, user.gid)


class OutputFile:
    """A file that is written at the end of a run, for the user who called sudo.

    The old content stays until the new one is complete: it is written beside the file and moved
    over it. A special file (a pipe, a device) is opened and written in place.

    Raises TracerError (exit status 2) when it cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._part: Path | None = None
        try:
            if self._path.exists() and not stat.S_ISREG(self._path.stat().st_mode):
                # by the given name: a pipe behind /dev/fd/3 has no other
                self._fd = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
                return
            if self._path.is_symlink():
                self._path = self._path.resolve()
            if self._path.exists() and not os.access(self._path, os.W_OK):
                raise PermissionError(13, os.strerror(13))
            self._part = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(self._part, flags, 0o666)
        except OSError as error:
            raise TracerError(
                f"cannot write {path}: {error.strerror}",
                "nothing was run; name a file in a directory that exists and can be written to",
                exit_code=2,
            ) from None

    def write(self, content: str | bytes) -> None:
        """Write the whole content; TracerError when the disk is full or the like."""
        try:
            with os.fdopen(self._fd, "wb") as stream:
                self._fd = -1
                stream.write(content.encode() if isinstance(content, str) else content)
                stream.flush()
                if self._part is not None:
                    _give_to_user(stream.fileno())
            if self._part is not None:
                self._part.replace(self._path)
                self._part = None
        except OSError as error:
            raise TracerError(
                f"cannot write {self._path}: {error.strerror}",
                "make room, or name another file"
                + ("" if self._part is None else "; an older file of that name is as it was"),
            ) from None
        finally:
            self.close()

    def close(self) -> None:
        """Close, and remove what was not completed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._part is not None:
            self._part.unlink(missing_ok=True)
            self._part = None

    def __enter__(self) -> OutputFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LinesFile:
    """A file of lines, each written as soon as it is complete: a kill leaves whole lines.

    Raises TracerError (exit status 2) when it cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._fd = os.open(path, flags, 0o666)
            if stat.S_ISREG(os.fstat(self._fd).st_mode):
                _give_to_user(self._fd)
        except OSError as error:
            raise TracerError(
                f"cannot write {path}: {error.strerror}",
                "name a file in a directory that exists and can be written to",
                exit_code=2,
            ) from None

    def write(self, text: str) -> None:
        """Write one line, which ends in a newline; TracerError when the disk is full."""
        data = text.encode()
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            raise TracerError(f"cannot write {self._path}: {error.strerror}", "make room") from None

    def __enter__(self) -> LinesFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
