"""A kernel that tracer cannot work on: doctor names the problem, and every command that needs BPF
is refused with the reason, in a few lines."""

from __future__ import annotations

import os
import re
import sys

from _tracer import TRACER, Job, run

#: A message is read; a dump is not.
LONGEST, MOST_LINES = 700, 4
COMMANDS = {
    "run": ("run", "thread-brigade", "--tasks", "10", "--iters", "10"),
    "command": ("run", "--", "true"),
    "attach": ("attach", str(os.getpid()), "--duration", "1"),
    "explain": ("explain", "pinning", "--quick"),
}


def main() -> int:
    job = Job()
    done = run("doctor", (TRACER, "doctor"), report=False)
    problems = re.findall(r"^problem +(.*?) {2,}(.*)$", done.out, re.M)
    checks = done.out.split("\n\n")[0]  # before the tables of limits
    longest = max(map(len, re.split(r"^(?:ok|note|problem) ", checks, flags=re.M)))
    is_told = problems or done.err.startswith("tracer: ")  # numpy ends all commands at once
    found = [] if done.status == 1 and is_told else [f"exit status {done.status}"]
    found += ["a traceback"] if "Traceback" in done.err else []
    found += [f"a problem in {longest} characters"] if longest > LONGEST else []
    job.row("doctor", found, f"problems: {problems}")
    for name, words in COMMANDS.items():
        done = run(name, (TRACER, *words), report=False)
        text = done.err.strip()
        is_clear = done.status in ((1, 125) if name == "command" else (1,)) and text
        is_clear = is_clear and "Traceback" not in text and len(text.splitlines()) <= MOST_LINES
        found = [] if is_clear else [f"exit status {done.status}"]
        job.row(name, found, text.replace("\n", " | ")[:300])
    return job.end()


if __name__ == "__main__":
    sys.exit(main())
