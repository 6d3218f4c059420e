"""What a traced process and its helper say to each other: pickled messages over a socket.

    traced process                    helper
    Load           ------------>      compiles and loads the programs
                   <------------      Loaded
    Window         ------------>      attaches them
                   <------------      Attached, with the descriptor of the programs' settings
    (opens the window itself, and closes it)
    Stop           ------------>      makes a Summary
                   <------------      Ended
                                      ... the next Window, until the socket is closed

In place of each answer there can be a Failed.
"""

from __future__ import annotations

import os
import pickle
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer.analysis.run.summary import Summary
    from tracer.experiment.tracing import Tracing

_LENGTH = struct.Struct("=Q")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Load:
    """The programs of one tracing."""

    tracing: Tracing


@dataclass(frozen=True)
class Loaded:
    """They are loaded; nothing is attached yet."""


@dataclass(frozen=True)
class Window:
    """Attach to these processes; `path_of` as in `tracer.capture.window.choose_path`."""

    pids: tuple[int, ...]
    follow: bool
    path_of: str


@dataclass(frozen=True)
class Attached:
    """The window can be opened. `settings`: offset and bytes of each member of `struct ctl`."""

    settings: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Stop:
    """The window is over; `units` of work were done in it, None where nobody counted."""

    units: int | None


@dataclass(frozen=True)
class Ended:
    """What was seen in the window."""

    summary: Summary


@dataclass(frozen=True)
class Failed:
    """A TracerError of the helper's, member by member."""

    message: str
    hint: str
    exit_code: int


class Channel:
    """One end of the socket. EOFError when the other end is closed."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: object, fd: int | None = None) -> None:
        """One message; a descriptor goes with it as SCM_RIGHTS."""
        data = pickle.dumps(message)
        try:
            self._socket.sendall(_LENGTH.pack(len(data)))
            self._socket.sendall(data)
            if fd is not None:
                socket.send_fds(self._socket, [b"f"], [fd])
        except (BrokenPipeError, ConnectionResetError):
            raise EOFError from None

    def receive(self) -> Any:
        """The next message."""
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        return pickle.loads(self._exactly(length))

    def receive_fd(self) -> int:
        """The descriptor that came with the last message, close-on-exec; the caller closes it."""
        _data, fds, _flags, _address = socket.recv_fds(self._socket, 1, 1)
        if not fds:
            raise EOFError
        os.set_inheritable(fds[0], False)  # recv_fds takes no flags before Python 3.12
        return fds[0]

    def _exactly(self, length: int) -> bytes:
        found = bytearray()
        while len(found) < length:
            try:
                data = self._socket.recv(min(length - len(found), _CHUNK))
            except ConnectionResetError:
                data = b""
            if not data:
                raise EOFError
            found += data
        return bytes(found)

    def close(self) -> None:
        self._socket.close()
