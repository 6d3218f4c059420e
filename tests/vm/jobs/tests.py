"""The tests on the real kernel that are marked `vm`, here: those that measure no time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from _tracer import RESULTS, Job


class Rows:
    """A row as each test ends: a machine whose time is up has told what it knew."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            last = report.longreprtext.strip().splitlines()[-1:]
            self.job.row(report.nodeid or "collection", ["not collected"], " ".join(last))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("::")[2].replace(" ", "-")
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            print(f"skip {name}: {reason}", flush=True)
        elif report.failed or report.when == "call":
            last = report.longreprtext.strip().splitlines()[-1:] if report.failed else []
            self.job.row(name, ["failed"] * report.failed, " ".join(last))


def main() -> int:
    job = Job()
    sys.path.insert(0, str(Path.cwd()))  # as `python -m pytest`
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
