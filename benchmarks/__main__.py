"""The command line of the benchmarks: python -m benchmarks [OPTIONS] [SECTION]..."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from benchmarks import (
    bystanders,
    copies,
    fleet,
    observer,
    overhead,
    parity,
    probes,
    recordings,
    replay,
    servers,
    soak,
    startup,
)
from benchmarks.reference import HOW_TO_GET
from benchmarks.result import OUTPUT, ROOT, Options, into_page, write
from tracer.errors import TracerError
from tracer.progress import Progress

SECTIONS = dict(
    (
        *(parity.SECTION, overhead.SECTION, bystanders.SECTION, probes.SECTION, observer.SECTION),
        *(
            servers.SECTION,
            copies.SECTION,
            recordings.SECTION,
            replay.SECTION,
            startup.SECTION,
            fleet.SECTION,
            soak.SECTION,
        ),
    )
)
_ROUNDS, _RUN_NS = 12, 600_000_000
_QUICK_ROUNDS, _QUICK_RUN_NS = 3, 150_000_000


def _section(name: str, options: Options, docs: bool) -> None:
    results = SECTIONS[name](options)
    options.progress.clear()
    for result in results:
        write(result)
        if docs:
            into_page(result)
        click.echo(result.text())
        click.echo(f"written to {(OUTPUT / result.name).relative_to(ROOT)}.json and .md\n")


@click.command(name="benchmarks")
@click.argument("sections", nargs=-1, type=click.Choice(list(SECTIONS)))
@click.option("--rounds", type=click.IntRange(1), help="blocks, default 12 (3 with --quick)")
@click.option("--quick", is_flag=True, help="short runs, few blocks: to try, not to conclude")
@click.option(
    "--reference",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="directory of the reference programs' binaries (parity)",
)
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    type=click.Choice(sorted({*overhead.SUBJECTS, *(case.workload for case in probes.CASES)})),
    help="this workload only (overhead, probes)",
)
@click.option("--docs", is_flag=True, help="put the tables into docs/overhead.md as well")
def main(
    sections: tuple[str, ...],
    rounds: int | None,
    quick: bool,
    reference: Path | None,
    subjects: tuple[str, ...],
    docs: bool,
) -> None:
    """Measure parity, overhead, bystanders, probes, observer, servers, copies, recordings, replay,
    start-up, soak (a round is a minute); all of them by default. Files are in build/bench."""
    if os.geteuid() != 0:
        click.echo("error: benchmarks attach BPF programs and need root: make bench", err=True)
        sys.exit(1)
    if rounds is None:
        rounds = _QUICK_ROUNDS if quick else _ROUNDS
    run_ns = _QUICK_RUN_NS if quick else _RUN_NS
    options = Options(rounds, run_ns, reference, subjects, Progress())
    failed = False
    for name in sections or SECTIONS:
        if name == parity.NAME and reference is None and not sections:
            click.echo(f"{name}\nskipped: {HOW_TO_GET}\n")
            continue
        try:
            _section(name, options, docs)
        except TracerError as error:
            failed = True
            click.echo(f"error: {error.message}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
