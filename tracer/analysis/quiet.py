"""Which blocks of an experiment met a quiet host: no verdict rests on the others.

A block is disturbed when other programs, or the host (steal), took more than 10 % of the time of
the CPUs while its runs went on. Their time is what /proc/stat counts as busy, less tracer's own and
that of its children. The kernel samples it at ticks, so that in a short block more than 10 % can be
chance: there the limit is twice the standard deviation of that sampling.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tracer.model.trial import HostShare, Outcome, Surroundings

#: A larger share of the CPUs' time disturbs what is measured.
LIMIT = 0.10
#: A verdict needs so many quiet blocks.
FEWEST_BLOCKS = 2
#: Why nothing is judged when there are fewer.
BUSY = "the host was busy while this was measured"
#: The longest tick of a kernel (CONFIG_HZ=100).
_TICK_NS = 10_000_000


@dataclass(frozen=True)
class Resumed:
    """How many runs (`saved` of `runs`) were taken from earlier starts, and how long before this
    start the newest and the oldest of them had ended, s."""

    saved: int
    runs: int
    newest_s: float
    oldest_s: float


@dataclass(frozen=True)
class BlockLoad:
    """What went on around the runs of one block. `is_old`: some of them are of another hour."""

    block: int
    share: HostShare
    limit: float
    is_old: bool = False

    @property
    def is_disturbed(self) -> bool:
        return self.share.largest > self.limit


@dataclass(frozen=True)
class Load:
    """The host's other load: in a moment before the runs (None: nothing was left to run), and by
    block, from 0."""

    before: HostShare | None = None
    blocks: Sequence[BlockLoad] = field(default_factory=tuple)
    resumed: Resumed | None = None

    @property
    def disturbed(self) -> list[BlockLoad]:
        return [block for block in self.blocks if block.is_disturbed]

    @property
    def allows_verdict(self) -> bool:
        """No block was disturbed, or enough others are left."""
        disturbed = len(self.disturbed)
        return not disturbed or len(self.blocks) - disturbed >= FEWEST_BLOCKS

    @property
    def left_out(self) -> frozenset[int]:
        """The blocks that no verdict rests on; none, where the others are too few for a verdict:
        then the figures of all are shown without one."""
        return frozenset(one.block for one in self.disturbed if self.allows_verdict)

    def usable(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Those that are not of a block left out."""
        left_out = self.left_out
        return [outcome for outcome in outcomes if outcome.trial.block not in left_out]


#: Of an experiment without anything to say about the host.
QUIET = Load()


def share_of(around: Sequence[Surroundings]) -> HostShare:
    """Shares of the CPUs' time around all these runs."""
    total_ns = max(sum(one.cpu_time_ns for one in around), 1)
    return HostShare(
        max(sum(one.others_ns for one in around), 0) / total_ns,
        sum(one.steal_ns for one in around) / total_ns,
    )


def limit_of(around: Sequence[Surroundings]) -> float:
    """The largest share of a quiet block of these runs."""
    total_ns = max(sum(one.cpu_time_ns for one in around), 1)
    # a CPU that is busy half of the time is sampled with the largest deviation: half a tick a tick
    deviation_ns = 0.5 * math.sqrt(total_ns * _TICK_NS)
    return float(max(LIMIT, 2 * deviation_ns / total_ns))


def is_disturbed(outcome: Outcome) -> bool:
    """Whether this run alone met more than a quiet host."""
    return is_busy(outcome.surroundings)


def is_busy(around: Surroundings) -> bool:
    """Whether others or steal took more than a quiet host allows."""
    return share_of([around]).largest > limit_of([around])


def block_loads(outcomes: Sequence[Outcome], old: Collection[int] = ()) -> list[BlockLoad]:
    """What each block met; `old` are the numbers of the blocks of another hour. Negative blocks,
    which come before an experiment's own, are left out."""
    by_block: dict[int, list[Surroundings]] = {}
    for outcome in outcomes:
        if outcome.trial.block >= 0:
            by_block.setdefault(outcome.trial.block, []).append(outcome.surroundings)
    return [
        BlockLoad(block, share_of(around), limit_of(around), block in old)
        for block, around in sorted(by_block.items())
    ]


def largest(loads: Sequence[BlockLoad]) -> HostShare:
    """The largest share of each kind in any of these blocks."""
    shares = [load.share for load in loads]
    return HostShare(
        max((share.others for share in shares), default=0.0),
        max((share.steal for share in shares), default=0.0),
    )
