"""`python -m tracer.report.live IN OUT`: the view, with a pipe to read from and one to write to.

It is a process of its own: whatever ends it, tracer is left to restore the terminal, and whatever
ends tracer, the view sees that its pipe has ended and restores it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from tracer.report.live.app import Live


def main() -> int:
    """Show what comes until the pipe or the user ends it; 70 after a fault of its own."""
    messages, answers = (int(word) for word in sys.argv[1:3])

    def send(message: Mapping[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):
            while data:
                data = data[os.write(answers, data) :]

    view = Live(send, messages)
    view.run()
    return 70 if view.return_code else 0


if __name__ == "__main__":
    sys.exit(main())
