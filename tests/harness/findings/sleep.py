"""A program that sleeps on purpose, and such that wait for others."""

from harness.findings import run
from harness.findings._waits import rows, wait

MS = 1_000_000
_SLEEPS = wait("i386 nanosleep", "sleep", 150, 10 * MS, "timer")
FIRES = [
    run(1700 * MS, {"sleep": 1510 * MS}, waits=rows(_SLEEPS)),
    run(1700 * MS, {"sleep": 400 * MS}, waits=rows(_SLEEPS)),
]
SILENT = [
    run(1700 * MS, {"external": 1510 * MS}, waits=rows(_SLEEPS)),
    run(1700 * MS, {"sleep": 1510 * MS}, waits=rows(wait("recvfrom", "io", 9, 100 * MS, "timer"))),
    run(1700 * MS, {"sleep": 100 * MS}, waits=rows(_SLEEPS)),
    run(1700 * MS, {"sleep": 1510 * MS}),
    run(1700 * MS, {"sleep": 1510 * MS}, waits=rows({**_SLEEPS, "polls": 151})),  # an event loop
]
