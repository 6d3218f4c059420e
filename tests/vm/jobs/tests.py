"""The tests on the real kernel that are marked `vm`, here: those that measure no time."""

from __future__ import annotations

import sys

import pytest
from _tracer import RESULTS, Job


class Rows:
    """A row as each test ends: a machine whose time is up has told what it knew."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("::")[2]
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            print(f"skip {name}: {reason}", flush=True)
        elif report.failed or report.when == "call":
            last = report.longreprtext.strip().splitlines()[-1:] if report.failed else []
            self.job.row(name, ["failed"] * report.failed, " ".join(last))


def main() -> int:
    job = Job()
    words = [
        "-o",
        "addopts=",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
        "-m",
        "vm",
        "tests/bpf",
    ]
    ended = pytest.main([*words, f"--junitxml={RESULTS / 'tests.xml'}"], plugins=[Rows(job)])
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        job.row("pytest", [f"exit status {ended}"])
    return job.end()


if __name__ == "__main__":
    sys.exit(main())
