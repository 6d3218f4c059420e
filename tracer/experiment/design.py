"""Every condition once per block, in an order drawn anew for each block."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tracer.model.trial import Trial

#: Blocks with --quick, at most.
QUICK_ROUNDS = 4


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
        ordered = []
        for block in range(self.blocks):
            trials = [Trial(label, False, block) for label in self.labels]
            traced = self.labels if self.traced is None else self.traced
            trials += [Trial(label, True, block) for label in self.labels if label in traced]
            if self.twin is not None:
                trials.append(Trial(self.twin, False, block, twin=True))
            random.Random(self.seed * 1_000_003 + block).shuffle(trials)
            ordered += trials
        return ordered
