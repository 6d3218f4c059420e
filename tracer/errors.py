"""The exceptions that end a command: a message for its user, or a signal."""

from __future__ import annotations


class TracerError(Exception):
    """A failure with an explanation for the user.

    Parameters
    ----------
    message:
        What went wrong, one sentence.
    hint:
        What the user can do about it; may be empty.
    exit_code:
        The exit status the process should end with.
    """

    def __init__(self, message: str, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class CannotTraceError(TracerError):
    """This process, on this host, may or can trace nothing; the message says what is missing."""


class Interrupted(BaseException):
    """SIGINT or SIGTERM came. Not an Exception: nothing that handles errors may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
