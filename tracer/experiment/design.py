"""Every condition once per block, in an order drawn anew for each block."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tracer.errors import Interrupted
from tracer.experiment.store import Store
from tracer.model.trial import Outcome, Trial
from tracer.progress import Progress


@dataclass(frozen=True)
class Design:
    """What a block holds: each label untraced; those of `traced` (None: all) traced too; the label
    `twin` untraced once more, for the noise floor."""

    labels: Sequence[str]
    blocks: int
    traced: Sequence[str] | None = None
    twin: str | None = None
    seed: int = 1

    def trials(self) -> list[Trial]:
        """All trials in their order, block by block; the same design gives the same order."""
        found = []
        for block in range(self.blocks):
            trials = [Trial(label, False, block) for label in self.labels]
            traced = self.labels if self.traced is None else self.traced
            trials += [Trial(label, True, block) for label in self.labels if label in traced]
            if self.twin is not None:
                trials.append(Trial(self.twin, False, block, twin=True))
            random.Random(self.seed * 1_000_003 + block).shuffle(trials)
            found += trials
        return found


@dataclass(frozen=True)
class Done:
    """The outcomes of an experiment; `interrupted`: the signal that broke it off."""

    outcomes: Sequence[Outcome]
    interrupted: int | None = None


class Runs(Protocol):
    """What makes one run at a time."""

    def run(self, trial: Trial) -> Outcome: ...


def run_trials(
    trials: Sequence[Trial],
    runner: Runs,
    store: Store,
    progress: Progress,
    on_block: Callable[[int], None] = lambda _: None,
) -> Done:
    """Run the trials that are not saved yet.

    A signal ends the experiment after what was saved; the next start goes on from there.
    `on_block(n)` is called when block n is complete.
    """
    saved = {outcome.trial: outcome for outcome in store.outcomes}
    left = [trial for trial in trials if trial not in saved]
    if left and len(left) < len(trials):
        progress.say(f"going on after {len(trials) - len(left)} saved runs")
    began_s, blocks = time.monotonic(), max((trial.block for trial in trials), default=0) + 1
    try:
        for number, trial in enumerate(left):
            if number:
                spent_s = time.monotonic() - began_s
                progress.expect(spent_s / number * (len(left) - number))
            kind = "traced" if trial.traced else "untraced"
            progress.say(f"block {trial.block + 1} of {blocks}: {trial.condition}, {kind}")
            store.add(runner.run(trial))
            if number + 1 == len(left) or left[number + 1].block != trial.block:
                on_block(trial.block)
    except Interrupted as stop:
        return Done(_ordered(trials, store), stop.number)
    finally:
        progress.clear()
    return Done(_ordered(trials, store))


def _ordered(trials: Sequence[Trial], store: Store) -> list[Outcome]:
    saved = {outcome.trial: outcome for outcome in store.outcomes}
    return [saved[trial] for trial in trials if trial in saved]
