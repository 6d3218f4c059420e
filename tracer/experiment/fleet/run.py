"""One question on many hosts: each plans it for itself, then gives block after block, and all is
saved as it comes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from tracer import __version__
from tracer.analysis.brigades import Contestant
from tracer.analysis.quiet import Load, block_loads
from tracer.errors import Interrupted, TracerError
from tracer.experiment.brigade_sizes import sizes_from
from tracer.experiment.fleet.gathering import Engine, Gathering, Keep
from tracer.experiment.fleet.questions import Question, planned_from
from tracer.experiment.store import Store
from tracer.experiment.trials import Planned, Runs, Start, say_resumed
from tracer.host.fingerprint import differences
from tracer.model.trial import Outcome, Trial
from tracer.progress import Progress
from tracer.units import counted

#: Of a host: its plan, and what it said of sizes.
_NOTE, _SIZES = "host ", "sizes "


@dataclass(frozen=True)
class HostRuns:
    """What one host gave: `planned` None where it could not even plan; `failure`: why it gave no
    more, empty where it gave all; `repeated`: blocks that were lost and asked for again; `sizes`:
    of `brigades`, empty where they were not reached."""

    name: str
    planned: Planned | None
    outcomes: Sequence[Outcome] = ()
    failure: str = ""
    repeated: int = 0
    sizes: Mapping[str, Contestant] = field(default_factory=dict)

    @cached_property
    def load(self) -> Load:
        """What else the host did, by block."""
        return Load(None, block_loads(self.outcomes))

    @property
    def runs(self) -> Runs | None:
        """As an experiment on that host alone; None where it gave nothing."""
        if self.planned is None or not self.outcomes:
            return None
        return Runs(self.planned, self.outcomes, self.load)

    @property
    def blocks(self) -> tuple[int, int]:
        """Blocks that are there, and that were asked for."""
        asked = self.planned.experiment.rounds if self.planned else 0
        return len(self.load.blocks), asked


@dataclass(frozen=True)
class FleetRuns:
    """The hosts, by name; `interrupted`: the signal that broke it off."""

    question: Question
    hosts: Sequence[HostRuns]
    interrupted: int | None = None


def blocks_of(trials: Sequence[Trial]) -> list[list[Trial]]:
    """The trials of each block in their order; those before the blocks are one together."""
    blocks: dict[int, list[Trial]] = {}
    for trial in trials:
        blocks.setdefault(max(trial.block, -1), []).append(trial)
    return list(blocks.values())


class _Fleet:
    """One question under way, and what is known of each host."""

    def __init__(
        self,
        question: Question,
        engine: Engine,
        store: Store,
        start: Start,
        patience_s: float,
        progress: Progress,
    ) -> None:
        self._question, self._engine, self._store = question, engine, store
        self._start, self._patience_s, self._progress = start, patience_s, progress
        self._began_s = time.time()
        self.failures: dict[str, str] = {}
        self.repeated: dict[str, int] = {}

    def _gather(self, requests: Mapping[str, Sequence[str]], keep: Keep) -> None:
        gathering = Gathering(
            self._engine, requests, keep, self._patience_s, self._start.say,
            failed=self.failures, repeated=self.repeated,
        )  # fmt: skip
        gathering.run()

    def _request(self, **words: Any) -> str:
        return json.dumps({"version": __version__, "limit_s": self._patience_s, **words})

    def plan(self) -> None:
        """Ask every host that is there for its plan, and note it."""
        names = sorted(self._engine.workers())
        asked = self._request(do="plan", **asdict(self._question))
        self._progress.say(f"{counted(len(names), 'host')}: what can be run there")

        def keep(name: str, data: Any) -> None:
            before = self._store.notes.get(_NOTE + name)
            if before is not None and _identity(before) != _identity(data):
                raise TracerError(_changed(before, data), "start anew: the same with --fresh")
            self._store.note(_NOTE + name, data)

        self._gather({name: [asked] for name in names}, keep)
        for name in self._planned():
            if name not in names:
                self.failures[name] = "it has no worker now"

    def _planned(self) -> dict[str, Planned]:
        notes = self._store.notes.items()
        return {
            name.removeprefix(_NOTE): planned_from(data)
            for name, data in notes
            if name.startswith(_NOTE)
        }

    def blocks(self) -> None:
        """Ask for the blocks that are not saved, and save each as it comes."""
        by_host, saved = self._planned(), self._saved()
        left = {
            name: [
                block
                for block in blocks_of(planned.trials)
                if any((name, trial) not in saved for trial in block)
            ]
            for name, planned in by_host.items()
            if name not in self.failures
        }
        self._say_resumed(by_host)
        requests = {
            name: [self._block(by_host[name], block, n == 0) for n, block in enumerate(blocks)]
            + self._sizes(name)
            for name, blocks in left.items()
        }
        total = sum(map(len, requests.values()))
        began_s, done = time.monotonic(), 0

        def keep(name: str, data: Any) -> None:
            nonlocal done
            if isinstance(data, dict):
                self._store.note(_SIZES + name, data)
            else:
                outcomes = [Outcome.from_plain(one) for one in data]
                self._store.add(*(replace(outcome, host=name) for outcome in outcomes))
            done += 1
            self._progress.say(f"{done} of {total} blocks, {counted(len(left), 'host')}")
            self._progress.expect((time.monotonic() - began_s) / done * (total - done))

        self._gather(requests, keep)

    def _block(self, planned: Planned, trials: Sequence[Trial], is_first: bool) -> str:
        named = {trial.condition for trial in trials}
        return self._request(
            do="block",
            conditions=[one.plain() for one in planned.conditions if one.label in named],
            trials=[asdict(trial) for trial in trials],
            probes=list(planned.experiment.probes),
            may_fail=list(planned.may_fail),
            wait_quiet_s=self._start.wait_quiet_s if is_first else None,
        )

    def _sizes(self, name: str) -> list[str]:
        """`brigades` asks for them last, as it does without hosts."""
        if self._question.kind != "brigades" or _SIZES + name in self._store.notes:
            return []
        return [self._request(do="sizes", in_python=self._question.asked["in_python"])]

    def _saved(self) -> dict[tuple[str, Trial], Outcome]:
        """The outcomes by host and trial: each counts once."""
        return {(outcome.host, outcome.trial): outcome for outcome in self._store.outcomes}

    def _say_resumed(self, by_host: Mapping[str, Planned]) -> None:
        ends_s = [outcome.at_s for outcome in self._saved().values()]
        runs = sum(len(planned.trials) for planned in by_host.values())
        say_resumed(self._start, ends_s, runs, self._began_s)

    def results(self) -> list[HostRuns]:
        """Every host that was asked, in the order of names."""
        saved, by_host = self._saved(), self._planned()
        results = []
        for name in sorted({*by_host, *self.failures}):
            planned = by_host.get(name)
            outcomes = [
                replace(saved[name, trial], host="")
                for trial in (planned.trials if planned else ())
                if (name, trial) in saved
            ]
            failure, repeated = self.failures.get(name, ""), self.repeated.get(name, 0)
            sizes = sizes_from(self._store.notes.get(_SIZES + name, {}))
            results.append(HostRuns(name, planned, outcomes, failure, repeated, sizes))
        return results


def run_fleet(
    question: Question,
    engine: Engine,
    patience_s: float,
    progress: Progress,
    start: Start,
    then: Callable[[FleetRuns], None] = lambda _runs: None,
) -> FleetRuns:
    """Ask every host that has a worker. A host that fails, or gives nothing for `patience_s`
    seconds, is named, and the others go on; the same command asks it again.

    TracerError where no host gave anything. Interrupted when a signal comes before the first block.
    """
    with Store(f"fleet-{question.kind}", asdict(question), fresh=start.fresh) as store:
        fleet = _Fleet(question, engine, store, start, patience_s, progress)
        stopped = None
        try:
            fleet.plan()
            fleet.blocks()
        except Interrupted as stop:
            stopped = stop.number
        finally:
            progress.clear()
        runs = FleetRuns(question, fleet.results(), stopped)
        if stopped is not None and not any(host.outcomes for host in runs.hosts):
            raise Interrupted(stopped)
        if not any(host.outcomes for host in runs.hosts):
            reasons = "; ".join(f"{host.name}: {host.failure}" for host in runs.hosts)
            raise TracerError(f"no host gave a result: {reasons}")
        then(runs)
        if stopped is None and not fleet.failures:
            store.complete()
    return runs


def _identity(planned: Mapping[str, Any]) -> Any:
    """What must be as it was, so that a host's saved runs can be continued."""
    return [planned[name] for name in ("experiment", "conditions", "trials")]


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    hosts = [one["experiment"]["host"] for one in (before, now)]
    what = "; ".join(differences(*hosts)) or "what can be run there is another"
    return f"it is not what it was when its runs were saved: {what}"
