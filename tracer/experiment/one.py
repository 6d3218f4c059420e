"""One measurement: of a workload, of a command, or of processes that run already.

Each function returns a Summary, plain data: `tracer.analysis.run.document.document` makes JSON of
it, `tracer.report.run.text.render` text. Loading the probes needs root, or CAP_BPF and CAP_PERFMON.

`say` is called with a message for the user, in plain text, as soon as there is one. What is made of
a recording is imported when there is one: a quarter of the time that all imports take.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer.analysis.quiet import is_busy, share_of
from tracer.capture.attach import AttachRequest
from tracer.capture.command import CommandOptions, run_command, run_command_untraced
from tracer.errors import Interrupted
from tracer.experiment.calibrated import calibrated
from tracer.experiment.condition import Condition
from tracer.experiment.recorded import recorded, with_events
from tracer.experiment.surroundings import Watch, wait_until_quiet
from tracer.experiment.tracing import Tracing
from tracer.experiment.watching import Watching
from tracer.host.installation import installation
from tracer.host.processes import require, tids
from tracer.host.recorder import Recorder
from tracer.host.requirements import require_conditions, require_host
from tracer.host.user import require_rights
from tracer.kernel.engine import Engine
from tracer.kernel.samples import Sampler
from tracer.kernel.settings import MOST_ROWS, rows_for
from tracer.model.cost import Cost
from tracer.model.recording import Recording
from tracer.model.spec import Spec
from tracer.model.trial import Surroundings
from tracer.progress import Progress
from tracer.report.load import taken

if TYPE_CHECKING:
    from tracer.analysis.run.observer import Pair
    from tracer.analysis.run.summary import Summary

Say = Callable[[str], None]


def _silent(_text: str) -> None:
    pass


@dataclass(frozen=True)
class Measurement:
    """The summary of a workload's full run. `interrupted`: the signal that came before the last
    run's end, so that the full run was cut short or pairs are missing."""

    summary: Summary
    interrupted: int | None = None


def trace_workload(
    condition: Condition,
    tracing: Tracing = Tracing(),
    *,
    follow: bool = True,
    rounds: int = 5,
    wait_quiet_s: float | None = None,
    progress: Progress | None = None,
    say: Say = _silent,
    recorder: Recorder | None = None,
) -> Measurement:
    """A full traced run of a workload, and `rounds` (0 or more) pairs of short runs, traced and
    untraced, which show what tracing costs. `wait_quiet_s`: how long to wait at most for a quiet
    host before; None: not at all. `recorder` keeps every event of the full run.

    Raises Interrupted when a signal comes before the full run; TracerError when the workload is
    not built, fails, or does not fit into this system's limits, when the host was not quiet in that
    time, and without the rights for BPF.
    """
    from tracer.analysis.run.observer import observe
    from tracer.analysis.run.summary import summarize
    from tracer.experiment import command_lines
    from tracer.experiment.pairs import Plan, measure

    require_host()
    workload = condition.definition
    condition.require_program()
    condition.require_fit()
    if condition.in_python and condition.values.get("runtime", "") is None:
        say(
            f"the native {workload.name} is not built, so its twin in Python runs; to build it:"
            f" {installation().to_build()}"
        )
    progress = progress or Progress(shown=False)
    if wait_quiet_s is not None:
        wait_until_quiet(wait_quiet_s, progress)
    kept = with_events(tracing, recorder)
    measured = measure(Plan(condition, rounds, kept, follow), progress, recorder)
    _say_busy(measured.around, len(measured.quiet_pairs) < len(measured.pairs), say)
    summary = summarize(
        measured.recording,
        name=workload.name,
        transport=workload.transport_of(condition.values),
        unit=workload.unit,
        cpus=condition.cpus,
        observer=observe(measured.quiet_pairs),
        top=tracing.top,
        command_line=command_lines.of_workload(condition, tracing, follow),
    )
    return Measurement(summary, measured.interrupted)


def trace_command(
    spec: Spec,
    options: CommandOptions = CommandOptions(),
    tracing: Tracing = Tracing(),
    *,
    baseline: bool = False,
    wait_quiet_s: float | None = None,
    say: Say = _silent,
    recorder: Recorder | None = None,
) -> Summary:
    """One traced run of a command, which is started exactly once; `spec.controlled` is ignored.

    With `baseline` it is started a second time without probes, for the observer effect; otherwise
    that is estimated from the number of events and what they cost. A SIGTERM ends the command too;
    it is in the summary's `interrupted`. `wait_quiet_s`: how long to wait at most for a quiet host
    before; None: not at all. `recorder` keeps every event of it.

    Raises Interrupted when a signal comes before the window; TracerError when the command cannot
    be started (exit status 126 or 127, as the shell) or ended before its window began, when the
    host was not quiet in that time, and without the rights for BPF.
    """
    require_host()
    if wait_quiet_s is not None:
        wait_until_quiet(wait_quiet_s, Progress(shown=False))
    spec = dataclasses.replace(spec, controlled=False)
    input_offset = _input_offset()
    tracing = tracing.with_path()
    kept = with_events(tracing, recorder)
    engine = Engine(
        kept.probes, tracing.light, sampling=tracing.sampling, one_in=tracing.one_in, say=say
    )
    with contextlib.closing(engine):
        # timing the programs would slow the run that a second one is compared with
        sampler = None if baseline else Sampler(engine)
        watch = Watch(spin=False)
        with recorded(engine, recorder, spec.argv) as keep:
            recording = keep(run_command(engine, spec, options, sampler))
        around = watch.ended(spin=False)
        # not before the run, which would begin later
        recording, costs = calibrated(recording, engine, say)
    if "no_units" in recording.result:
        say(recording.result["no_units"])
        say(recording.result["no_units_hint"])
    from tracer.analysis.run.observer import observe
    from tracer.analysis.run.summary import summarize
    from tracer.experiment import command_lines

    pair = None
    if baseline and recording.stopped_by is None:
        _rewind_input(input_offset, say)
        pair = _untraced_twin(spec, options, recording, around, say)
    if pair is None and costs is not None:
        cost = Cost(costs, sampler.samples if sampler else ())
        recording = dataclasses.replace(recording, cost=cost)
    return summarize(
        recording,
        name=shlex.join(spec.argv),
        transport="",
        unit="unit" if options.units or recording.result.get("units") else "run",
        cpus=spec.cpus,
        observer=observe([] if pair is None else [pair]),
        top=tracing.top,
        kind="command",
        command_line=command_lines.of_command(spec, options, tracing),
    )


def _untraced_twin(
    spec: Spec, options: CommandOptions, recording: Recording, around: Surroundings, say: Say
) -> Pair | None:
    """The traced run paired with one without probes; None where they cannot be compared."""
    from tracer.analysis.run.observer import Pair
    from tracer.experiment.pairs import switches_per_unit

    watch = Watch(spin=False)
    try:
        untraced = run_command_untraced(spec, options.units)
    except Interrupted:
        return None  # the traced run is whole, and is reported
    if untraced["exit_status"] != recording.exit_status:
        say(
            f"without probes it ended with another exit status: {untraced['exit_status']}, not"
            f" {recording.exit_status}. So the two are not compared."
        )
        return None

    _say_busy([around, watch.ended(spin=False)], False, say)
    if ("units" in untraced) != ("units" in recording.result):
        say("one of the two runs has no count of its work, so they are not compared")
        return None

    def ns_per_unit(result: Mapping[str, Any]) -> float:
        return float(result["took_ns"]) / (result.get("units") or 1)

    traced = recording.result
    return Pair(
        ns_per_unit(traced),
        ns_per_unit(untraced),
        switches_per_unit(traced),
        switches_per_unit(untraced),
    )


def _say_busy(around: Sequence[Surroundings], left_out: bool, say: Say) -> None:
    """What the runs for the observer effect met, and whether those on a busy host are left out."""
    busy = [one for one in around if is_busy(one)]
    if not busy:
        return
    effect = "they do not count" if left_out else "that is not to be trusted"
    say(
        f"busy host: {taken(share_of(busy))} in {len(busy)} of the {len(around)} measurements of"
        f" the observer effect: {effect}"
    )


def _input_offset() -> int | None:
    """The position in standard input; None where it cannot be set again."""
    try:
        return os.lseek(0, 0, os.SEEK_CUR)
    except OSError:
        return None


def _rewind_input(offset: int | None, say: Say) -> None:
    """Let the second start read what the first one has read, or say that it cannot."""
    if offset is not None:
        os.lseek(0, offset, os.SEEK_SET)
    elif stat.S_ISFIFO(os.fstat(0).st_mode):
        say(
            "standard input is a pipe: the start without probes reads only what the first one left."
            " With `< FILE` both read the same."
        )


def trace_processes(
    request: AttachRequest,
    tracing: Tracing = Tracing(),
    *,
    say: Say = _silent,
    recorder: Recorder | None = None,
) -> Iterator[Summary]:
    """Watch processes that run already, as `request` says: a summary for each window. They are
    neither stopped nor changed. `recorder` keeps every event of the only window.

    The call itself checks rights and process numbers; tracer attaches when the first summary is
    asked for. Raises Interrupted after the summary of the window that a signal ended; TracerError
    (exit status 2) when there is nothing to attach to, and without the rights for BPF.
    """
    require_target(request)
    if not tracing.light:
        less = "" if tracing.one_in > 1 else "--sample 1/8 makes those of the target cheaper, "
        say(
            "meanwhile system calls of every process on this host are slower;"
            f" {less}--light avoids that"
        )
    return _windows(request, tracing, say, recorder)


def require_target(request: AttachRequest) -> None:
    """TracerError when these processes cannot be attached to, or not by this user, with the
    reason."""
    require_conditions()
    for pid in request.pids:  # before the rights: sudo does not help a number that does not exist
        require(pid)
    require_rights()


def _windows(
    request: AttachRequest, tracing: Tracing, say: Say, recorder: Recorder | None
) -> Iterator[Summary]:
    def on_open(threads: int, processes: int) -> None:
        say(
            f"attached to {_counted(threads, 'thread', 'threads')} of"
            f" {_counted(processes, 'process', 'processes')}; Ctrl-C ends it, and leaves them"
            " running"
        )

    followed, rows = request.interval_s is not None, MOST_ROWS
    if followed:  # for long, beside what it watches
        rows = rows_for(sum(len(tids(pid)) for pid in request.processes()))
    with (
        Watching(tracing, followed, recorder, rows, say) as watching,
        recorded(watching.engine, recorder, ()) as keep,
    ):
        yield from watching.windows(request, on_open, keep)


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
