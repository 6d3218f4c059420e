"""What `tracer doctor` reports: the checks, and the size that this host's limits allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.host.checks import Check
from tracer.host.limits import Limit, binding, most_tasks
from workloads import Needs


@dataclass(frozen=True)
class SizeRequest:
    """A size to run: a workload's name, its needs, the number of tasks."""

    workload: str
    needs: Needs
    tasks: int


@dataclass(frozen=True)
class Bound:
    """The most tasks that fit, and the name of the limit that allows no more."""

    tasks: int
    limit: str


@dataclass(frozen=True)
class SizeAnswer:
    """A request against the limits.

    `bound` is None when no limit that can be seen binds. `by_limit` is the most tasks by each
    limit's name, None where that one does not bind. `remedies` are the limits that forbid the size
    with the command that raises each, the tightest first.
    """

    request: SizeRequest
    bound: Bound | None
    by_limit: Mapping[str, int | None]
    remedies: Mapping[str, str]

    @property
    def fits(self) -> bool:
        """True when no limit that can be seen forbids the size."""
        return self.bound is None or self.bound.tasks >= self.request.tasks


@dataclass(frozen=True)
class Diagnosis:
    """`most_tasks` of every workload with its default options, None where nothing binds; `size`
    is the answer to a request, None without one."""

    checks: Sequence[Check]
    limits: Sequence[Limit]
    remarks: Sequence[str]
    most_tasks: Mapping[str, Bound | None]
    size: SizeAnswer | None

    @property
    def is_well(self) -> bool:
        """No check is a problem, and the requested size fits."""
        has_problem = any(check.verdict == "problem" for check in self.checks)
        return not has_problem and (self.size is None or self.size.fits)


def diagnose(
    checks: Sequence[Check],
    limits: Sequence[Limit],
    remarks: Sequence[str],
    needs: Mapping[str, Needs],
    request: SizeRequest | None = None,
) -> Diagnosis:
    """All of it; `needs` are those of every workload with its default options, by name."""
    return Diagnosis(
        checks=checks,
        limits=limits,
        remarks=remarks,
        most_tasks={name: _bound(taken, limits) for name, taken in needs.items()},
        size=None if request is None else _size(request, limits),
    )


def _size(request: SizeRequest, limits: Sequence[Limit]) -> SizeAnswer:
    return SizeAnswer(
        request=request,
        bound=_bound(request.needs, limits),
        by_limit={limit.name: most_tasks(request.needs, limit) for limit in limits},
        remedies=_remedies(request, limits),
    )


def _bound(needs: Needs, limits: Sequence[Limit]) -> Bound | None:
    tightest = binding(needs, limits)
    return None if tightest is None else Bound(tightest[0], tightest[1].name)


def _remedies(request: SizeRequest, limits: Sequence[Limit]) -> dict[str, str]:
    forbidding = []
    for limit in limits:
        most = most_tasks(request.needs, limit)
        if most is not None and most < request.tasks:
            per_task, fixed = getattr(request.needs, limit.resource)
            command = limit.raised_to(per_task * request.tasks + fixed)
            forbidding.append((most, limit.name, command))
    return {name: command for _most, name, command in sorted(forbidding)}
