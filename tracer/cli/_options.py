"""The options that more than one command has, each declared once.

A command lists its parameters: `@click.command("sweep", params=[rounds_option(...), ...])`.
Values are converted where their option is declared: a command gets plain data.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from tracer import probes
from tracer.cli._profiles import FILES, SETTINGS, profile_options
from tracer.cli._types import (
    BudgetLimit,
    CpuList,
    FileName,
    OneIn,
    PathOf,
    ProbeNames,
    Seconds,
    UnitFrom,
)
from workloads import Option

if TYPE_CHECKING:
    from tracer.experiment.tracing import Tracing
    from tracer.experiment.trials import Start
    from tracer.report.run.text import Shown


#: Where the context keeps the probes that --probe names, apart from those of `+`.
_ASKED = "tracer.asked"


def _chosen_probes(
    ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]
) -> tuple[str, ...]:
    ctx.meta[_ASKED] = probes.chosen([text.replace("+", "") for text in texts])
    return probes.chosen(texts or probes.DEFAULT)


# ---- what is measured ----


def workload_option(option: Option) -> click.Option:
    """An option that a workload declares, for the command line."""
    name = f"--{option.name}"
    if option.kind == "flag":
        return click.Option([name], is_flag=True, help=option.help)
    kinds: dict[str, click.ParamType[int]] = {
        "count": click.IntRange(min=1),
        "number": click.IntRange(min=0),
    }
    is_number = isinstance(option.kind, str)
    return click.Option(
        [name],
        type=kinds[option.kind] if isinstance(option.kind, str) else click.Choice(option.kind),
        metavar="N" if is_number else None,
        default=option.default,
        show_default=option.default is not None,
        help=option.help,
    )


def cpus_option(help_: str = "Pin it to CPUs: 1, 0-3,5 or physical.") -> click.Option:
    """`--cpus`; no CPUs where it is not given."""
    return click.Option(
        ["--cpus"], type=CpuList(), metavar="LIST", help=f"{help_}  [default: free to move]"
    )


def as_root_option() -> click.Option:
    """`--as-root` of what tracer starts itself."""
    return click.Option(
        ["--as-root"], is_flag=True, help="Under sudo, run it as root, not as the calling user."
    )


def path_of_option() -> click.Option:
    """`--path-of`."""
    return click.Option(
        ["--path-of"],
        type=PathOf(),
        default="busiest",
        show_default=True,
        metavar="TID|main|busiest",
        help="The thread whose critical path is reported.",
    )


# ---- how it is traced ----


def tracing_options() -> list[click.Parameter]:
    """The options of every traced run; `tracing` makes data of their values."""
    names = ", ".join(probes.names())
    return [
        click.Option(
            ["--probe"],
            type=ProbeNames(),
            multiple=True,
            callback=_chosen_probes,
            metavar="NAMES",
            help=f"Detail to keep: {names} or all; separated by commas, repeatable;"
            " +NAME: beside the default ones."
            f"  [default: {','.join(probes.DEFAULT)}]",
        ),
        click.Option(
            ["--light"],
            is_flag=True,
            help="Leave the system-call tracepoints out: cheaper, but on-CPU time is not split.",
        ),
        click.Option(
            ["--sample", "one_in"],
            type=OneIn(),
            metavar="1/N",
            help="See the system calls of each thread in one piece of time out of N, 1/8: cheaper;"
            " the path's waits stay exact, what calls did is estimated.",
        ),
        click.Option(
            ["--top"],
            type=click.IntRange(0, 1000),
            default=0,
            metavar="N",
            help="List the N busiest threads, the others as a sum.",
        ),
        click.Option(
            ["--no-follow"],
            is_flag=True,
            help="Do not trace processes that the target forks.",
        ),
        *profile_options(),
        budget_option(
            'Limit on a number of the JSON report: "headline.io<=0.4"; exit status 4 when broken.'
            " Repeatable."
        ),
    ]


def tracing(values: Mapping[str, Any], no_units: str = "") -> Tracing:
    """The values of `tracing_options` as data; an option of probe stacks chooses it too.

    `no_units`: what to type instead of a budget per unit of work, where none are counted.
    TracerError (exit status 2) for a budget on what the report will not have.
    """
    from tracer.analysis.run.budget_paths import require
    from tracer.experiment.tracing import Tracing
    from tracer.model.sampling import GRID_NS, STACK_BYTES, Sampling

    wanted = [name for name in (*SETTINGS, *FILES, "python_frames") if values.get(name)]
    names = probes.chosen((*values["probe"], "stacks")) if wanted else values["probe"]
    if values["light"] and "stacks" in names:
        what = f"--{wanted[0].replace('_', '-')}" if wanted else "--probe stacks"
        raise click.UsageError(
            f"{what} samples where system calls are seen: leave out --light or {what}"
        )
    one_in = values.get("one_in") or 1
    if one_in > 1:
        _require_for_sample(values, names, wanted)
    left_out = "--light" if values["light"] else "--sample" if one_in > 1 else ""
    require(values.get("budgets", ()), names, left_out, no_units)
    grid_ns = GRID_NS if values["grid"] is None else 1000 * values["grid"]
    is_deep = values["deep_stacks"] or values.get("python_frames")
    stack_bytes = (2 if is_deep else 1) * STACK_BYTES
    sampling = Sampling(grid_ns, values["all_threads"], values["kernel_stacks"], stack_bytes)
    return Tracing(names, values["light"], values["top"], sampling, one_in)


def _require_for_sample(
    values: Mapping[str, Any], names: tuple[str, ...], wanted: Sequence[str]
) -> None:
    """UsageError for what does not go with --sample, such as what needs every system call."""
    given = [f"--{n}" for n in ("light", "record", "interval") if values.get(n)]
    if "stacks" in names:
        given.append(f"--{wanted[0].replace('_', '-')}" if wanted else "--probe stacks")
    given += [f"--probe {n}" for n in ("io_uring", "epoll") if n in names]
    why = {
        "--light": "--light sees no system calls, --sample some of them",
        "--record": "--record keeps every system call, --sample sees some of them",
        "--interval": "--sample estimates from one long window, --interval makes short ones",
    }
    if given:
        text = why.get(given[0], f"{given[0]} needs every system call, --sample sees some of them")
        raise click.UsageError(f"{text}: leave out one of the two")


# ---- how much of it ----


def rounds_option(
    help_: str, default: int = 12, least: int = 1, most: int = 10_000
) -> click.Option:
    """`--rounds N`."""
    return click.Option(
        ["--rounds"],
        type=click.IntRange(least, most),
        default=default,
        show_default=True,
        metavar="N",
        help=help_,
    )


def quick_option() -> click.Option:
    """`--quick`: `tracer.experiment.design.QUICK_ROUNDS` at most, of shorter runs."""
    return click.Option(
        ["--quick"],
        is_flag=True,
        help="Under a minute: few rounds of shorter runs, wide intervals.",
    )


def runtime_option() -> click.Option:
    """`--runtime` of an experiment whose workloads tracer chooses; True: in Python."""
    return click.Option(
        ["--runtime", "in_python"],
        type=click.Choice(["native", "python"]),
        default="native",
        show_default=True,
        callback=lambda _ctx, _param, value: value == "python",
        help="The Rust programs, or their twins in Python, of those that have one.",
    )


def unit_from_option(of: str = "it did") -> click.Option:
    """`--unit-from REGEX`; empty where it is not given."""
    return click.Option(
        ["--unit-from"],
        type=UnitFrom(),
        callback=lambda _ctx, _param, value: value or "",
        metavar="REGEX",
        help=f"Units of work {of}, from its standard output, which then passes through a pipe: the"
        " last match, first group: 'requests: ([0-9,]+)'.",
    )


def units_option(help_: str) -> click.Option:
    """`--units N` of a command."""
    return click.Option(["--units"], type=click.IntRange(min=1), metavar="N", help=help_)


def wait_quiet_option() -> click.Option:
    """`--wait-quiet S`; None where it is not given."""
    return click.Option(
        ["--wait-quiet"],
        type=Seconds(),
        metavar="S",
        help="Wait up to S seconds for a quiet host: other programs and steal below 10 %.",
    )


def start_options() -> list[click.Option]:
    """How an experiment begins; `start` makes data of their values."""
    return [
        wait_quiet_option(),
        click.Option(
            ["--fresh"], is_flag=True, help="Start anew; without it saved runs are continued."
        ),
    ]


def start(wait_quiet: float | None, fresh: bool) -> Start:
    """The values of `start_options` as data."""
    from tracer.cli._output import say
    from tracer.experiment.trials import Start

    return Start(wait_quiet, fresh, say)


def tls_option() -> click.Option:
    """`--tls DIR`."""
    return click.Option(
        ["--tls"],
        type=click.Path(exists=True, file_okay=False),
        metavar="DIR",
        help="The directory with ca.pem, cert.pem and key.pem for TLS.",
    )


def fleet_options() -> list[click.Option]:
    """The options of an experiment that many hosts can be asked for; the command passes their
    values as they are to `tracer.cli._fleet.Fleet`."""
    return [
        click.Option(
            ["--on"],
            metavar="SCHEDULER",
            help="Ask every host with a `tracer worker` at this Dask scheduler, and compare the"
            " hosts; local:N: try it with N workers on this machine.",
        ),
        tls_option(),
        click.Option(
            ["--give-up"],
            type=Seconds(),
            default=300.0,
            show_default=True,
            metavar="S",
            help="With --on: a host that gives nothing for S seconds is named and left out.",
        ),
        click.Option(
            ["--parquet"],
            metavar="DIR",
            help="With --on: write every run as Parquet into DIR, by host; tracer query DIR.",
        ),
    ]


def effort(rounds: int, quick: bool) -> tuple[int, int]:
    """Rounds, and the units of work of a run, with or without `--quick`."""
    from tracer.experiment.design import QUICK_ROUNDS
    from tracer.experiment.line import QUICK_UNITS, UNITS

    return (min(rounds, QUICK_ROUNDS), QUICK_UNITS) if quick else (rounds, UNITS)


def untraced_option(help_: str) -> click.Option:
    """`--untraced`: no traced runs."""
    return click.Option(["--untraced"], is_flag=True, help=help_)


def no_baseline_option(help_: str) -> click.Option:
    """`--no-baseline` of every `tracer run`."""
    return click.Option(["--no-baseline"], is_flag=True, help=help_)


# ---- where it goes ----


def json_option(
    help_: str = "Write the report as JSON to FILE; `-`: to standard output, alone.",
) -> click.Option:
    """`--json FILE`."""
    return click.Option(["--json", "json_path"], type=FileName(), metavar="FILE", help=help_)


def html_option(
    help_: str = "Write the report as one HTML page, to look at in a browser, to FILE.",
) -> click.Option:
    """`--html FILE`."""
    return click.Option(["--html", "html_path"], type=FileName(), metavar="FILE", help=help_)


def screen_options(default: str = "details") -> list[click.Parameter]:
    """How much of the report of a run is printed; `shown` makes data of their values."""
    return [
        click.Option(
            ["--brief/--details"],
            default=None,
            help="The first screen of the report alone, or the details below it too."
            f"  [default: {default}]",
        ),
        click.Option(
            ["--quiet"], is_flag=True, help="Print errors only; files that are asked for are made."
        ),
        click.Option(
            ["--all-rows"],
            is_flag=True,
            help="Show the rows of tables that are below 0.1 % of the time too.",
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            metavar="WHEN",
            help="Colour and bars: auto (on a terminal, unless NO_COLOR is set), always, never."
            "  [default: auto]",
        ),
    ]


def shown(values: Mapping[str, Any], fd: int = 1, short: bool = False) -> Shown:
    """The values of `screen_options` as data, for a report that goes to the descriptor `fd`;
    `short`: a few lines, unless --brief or --details is given."""
    from tracer.report.run.screen import LINES, SHORT
    from tracer.report.run.text import Shown

    is_short = short and values["brief"] is None
    is_terminal = os.isatty(fd) and os.environ.get("TERM", "") not in ("", "dumb")
    colour = values["color"] == "always" or (
        values["color"] == "auto" and is_terminal and not os.environ.get("NO_COLOR")
    )
    return Shown(
        brief=values["brief"] or is_short,
        lines=SHORT if is_short else LINES,
        by_task=values["by"] == "task",
        colour=colour,
        all_rows=values["all_rows"],
        asked=click.get_current_context().meta.get(_ASKED, ()),
    )


def plot_option(help_: str) -> click.Option:
    """`--plot FILE`."""
    return click.Option(
        ["--plot", "plot_path"], type=FileName(), metavar="FILE", help=f"{help_}: .png or .svg."
    )


def csv_option(help_: str) -> click.Option:
    """`--csv FILE`."""
    return click.Option(["--csv", "csv_path"], type=FileName(), metavar="FILE", help=help_)


def budget_option(help_: str) -> click.Option:
    """`--budget LIMIT`, repeatable."""
    return click.Option(
        ["--budget", "budgets"], type=BudgetLimit(), multiple=True, metavar="LIMIT", help=help_
    )
