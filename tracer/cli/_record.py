"""The options of a run whose events are kept: --record, --last, --when."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from tracer.cli._output import say
from tracer.cli._types import FileName, Seconds

if TYPE_CHECKING:
    from tracer.host.recorder import Recorder
    from tracer.model.trigger import Trigger


class _Condition(click.ParamType["Trigger"]):
    """A condition such as `p99 hop > 200us`."""

    name = "condition"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Trigger:
        from tracer.model.trigger import parse

        return parse(value)


def options(*, ends: bool) -> list[click.Parameter]:
    """`--record DIR` and `--last S`; `ends`: the window can be ended early, also by `--when`."""
    last = click.Option(
        ["--last"],
        type=Seconds(),
        metavar="S",
        help="Keep the events of the last S seconds only (--record)"
        + (", up to the end, to Ctrl-C or to SIGUSR1." if ends else "."),
    )
    when = click.Option(
        ["--when"],
        type=_Condition(),
        metavar="CONDITION",
        help='End as soon as it is met: "p99 hop > 200us" (--last).',
    )
    return [
        click.Option(
            ["--record"],
            type=FileName(),
            metavar="DIR",
            help="Keep every event in the directory DIR, which is made, too.",
        ),
        last,
        *([when] if ends else []),
    ]


def values_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values of the command line that `recorder` reads."""
    return {
        name: values[name]
        for name in ("record", "last", "when", "probe", "light")
        if name in values
    }


@contextlib.contextmanager
def recorder(values: Mapping[str, Any]) -> Iterator[Recorder | None]:
    """The opened directory of `--record`; None where it is not given."""
    last, when = values["last"], values.get("when")
    if last and not values["record"]:
        raise click.UsageError("--last says what to keep of a recording: name one, --record DIR")
    if when and not last:
        raise click.UsageError("--when ends a recording of the last seconds: add --last S")
    if when and when.probe == "sched" and "sched" not in values["probe"]:
        raise click.UsageError(f"--when {when.text!r} needs the probe sched: add --probe sched")
    if when and when.probe == "hops" and values["light"]:
        raise click.UsageError(f"--when {when.text!r} needs system calls: leave out --light")
    if values["record"] == "":
        raise click.UsageError("--record has no directory: name one, --record DIR")
    if values["record"] is None:
        yield None
        return
    from tracer.host.recorder import Recorder
    from tracer.host.stopping import Stop

    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(Stop()) if last and "when" in values else None
        yield stack.enter_context(Recorder(values["record"], last, when, stop))


def end(recorder: Recorder, document: Mapping[str, Any], notes: Callable[[str], None]) -> None:
    """Write the end of the recording, with the JSON document of its run, and say what there is to
    `notes`; what is missing, even with --quiet."""
    told = recorder.end(document)
    (notes if recorder.is_whole else say)(told)


def window_end(opened: Recorder | None) -> int | None:
    """The descriptor that can be read as soon as the window is to end."""
    return opened.stop.fd if opened and opened.stop else None
