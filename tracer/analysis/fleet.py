"""One measure on many hosts: a random-effects summary, and the hosts grouped by what they are.

Each host gives the mean of a logarithm over its blocks, with its variance. The hosts' true means
are taken to be normal about a common one. How far they scatter is estimated by Paule and Mandel's
method (statsmodels); the interval of the common mean is that of Hartung and Knapp, never shorter
than that of the blocks alone; the interval of the scatter is the profile of Cochran's Q
(Viechtbauer, "Confidence intervals for the amount of heterogeneity in meta-analysis", 2007).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracer.analysis.brigades import Contestant
from tracer.analysis.statistics.intervals import Interval, student_t
from tracer.host.installation import not_installed

#: The properties that group hosts, with their names in a report.
GROUPED_BY = {"cpu": "CPU", "kernel": "kernel", "idle": "idle driver and governor", "topology": ""}
#: A host's mean is not taken to be known better than this (of the logarithm): clocks, placement.
_LEAST_DEVIATION = 1e-4
_ALPHA = 0.05
#: The first side of a ratio against the second one, on one host.
SLOWER, FASTER, SAME, NOT_JUDGED = "slower", "faster", "no difference", "no verdict"
VERDICTS = (SLOWER, FASTER, SAME, NOT_JUDGED)


@dataclass(frozen=True)
class Effect:
    """The mean of a logarithm over a host's blocks, and the variance of that mean."""

    mean: float
    variance: float
    blocks: int

    @property
    def interval(self) -> Interval:
        """As a factor (or a time, where that was measured), with Student's 95 % interval."""
        half = student_t(self.blocks - 1) * math.sqrt(self.variance)
        return _factors(self.mean, self.mean - half, self.mean + half)


@dataclass(frozen=True)
class HostAnswer:
    """What one host answered. `effects` by the measure's name; `verdict`: one of VERDICTS, of the
    first measure, empty where none is asked for; `why`: what makes the difference, in words;
    `document`: its own report, None without; `failure`: why it gave no more, or nothing;
    `programs`: which file each command of the user's is there; `sizes`: memory of tasks, and the
    most that fit, of `brigades`."""

    name: str
    fingerprint: Mapping[str, str]
    effects: Mapping[str, Effect] = field(default_factory=dict)
    blocks: tuple[int, int] = (0, 0)
    verdict: str = ""
    why: str = ""
    failure: str = ""
    repeated: int = 0
    document: Mapping[str, Any] | None = None
    programs: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, Contestant] = field(default_factory=dict)


@dataclass(frozen=True)
class Across:
    """One measure over hosts: the common mean; `spread`: by which factor hosts typically differ
    from it; `share` of the scatter that is of the hosts and not of their blocks (I squared);
    `next_host`: where another such host would be. Intervals are of 95 %."""

    measure: str
    hosts: int
    mean: Interval
    spread: Interval
    share: float
    next_host: Interval


@dataclass(frozen=True)
class HostGroup:
    """Hosts that are alike in what GROUPED_BY names, which are the keys of `alike`."""

    alike: Mapping[str, str]
    hosts: Sequence[HostAnswer]
    across: Sequence[Across]


@dataclass(frozen=True)
class FleetAnswer:
    """Everything that is said of many hosts. `is_ratio`: the measures are factors, of which 1 means
    no difference; else times in ns."""

    question: str
    is_ratio: bool
    hosts: Sequence[HostAnswer]
    groups: Sequence[HostGroup]
    across: Sequence[Across]

    @property
    def measures(self) -> list[str]:
        """Names of all measures, in the order of their first host."""
        return list(dict.fromkeys(name for host in self.hosts for name in host.effects))

    @property
    def is_judged(self) -> bool:
        """Whether hosts have a verdict, which is on the first measure."""
        return any(host.verdict for host in self.hosts)

    @property
    def different_programs(self) -> dict[str, dict[str, list[str]]]:
        """The commands that are not the same file on all hosts: the hosts by file, by command."""
        found: dict[str, dict[str, list[str]]] = {}
        for host in self.hosts:
            for name, file in host.programs.items():
                found.setdefault(name, {}).setdefault(file, []).append(host.name)
        return {name: by_file for name, by_file in found.items() if len(by_file) > 1}


def effect(logs: ArrayLike) -> Effect | None:
    """Of the logarithms of a host's blocks, shape (blocks,); None of fewer than two."""
    values = np.asarray(logs, dtype=np.float64)
    if len(values) < 2:
        return None
    variance = max(float(values.var(ddof=1)), _LEAST_DEVIATION**2) / len(values)
    return Effect(float(values.mean()), variance, len(values))


def across(measure: str, effects: Sequence[Effect]) -> Across | None:
    """The random-effects summary; None of fewer than two hosts. TracerError without statsmodels."""
    if len(effects) < 2:
        return None
    combine, chi2, student = _library()
    means = np.array([one.mean for one in effects])
    variances = np.array([one.variance for one in effects])
    with np.errstate(divide="ignore"):  # of a figure that is not used, where all means are equal
        found = combine(means, variances, method_re="iterated", use_t=True)
    tau2, mean = float(found.tau2), float(found.mean_effect_re)
    # hosts that scatter less than their blocks are no better known for it
    error = math.sqrt(max(float(found.var_hksj_re), float(found.var_eff_w_re)))
    half = float(student.ppf(1 - _ALPHA / 2, len(effects) - 1)) * error
    low, high = _spread_interval(means, variances, chi2)
    wide = float(student.ppf(1 - _ALPHA / 2, max(len(effects) - 2, 1))) * math.hypot(
        math.sqrt(tau2), error
    )
    return Across(
        measure,
        len(effects),
        _factors(mean, mean - half, mean + half),
        _factors(*(math.sqrt(value) for value in (tau2, low, max(high, tau2)))),
        _share(means, variances),
        _factors(mean, mean - wide, mean + wide),
    )


def _factors(middle: float, low: float, high: float) -> Interval:
    return Interval(math.exp(middle), math.exp(low), math.exp(high))


def _library() -> tuple[Any, Any, Any]:
    """What statsmodels and SciPy have for it."""
    try:
        from scipy.stats import chi2, t
        from statsmodels.stats.meta_analysis import combine_effects
    except ImportError as error:
        raise not_installed("a summary over hosts needs", error.name, "fleet") from None
    return combine_effects, chi2, t


def _cochran(means: NDArray[np.float64], variances: NDArray[np.float64], tau2: float) -> float:
    """Cochran's Q with the scatter of the hosts among the variances; it falls as `tau2` grows."""
    weights = 1 / (variances + tau2)
    return float((weights * (means - np.average(means, weights=weights)) ** 2).sum())


def _share(means: NDArray[np.float64], variances: NDArray[np.float64]) -> float:
    q, degrees = _cochran(means, variances, 0.0), len(means) - 1
    return max((q - degrees) / q, 0.0) if q > 0 else 0.0


def _spread_interval(
    means: NDArray[np.float64], variances: NDArray[np.float64], chi2: Any
) -> tuple[float, float]:
    """The variances between hosts for which Q is no surprise."""
    from scipy.optimize import brentq

    degrees = len(means) - 1

    def where(quantile: float) -> float:
        target = float(chi2.ppf(quantile, degrees))
        if _cochran(means, variances, 0.0) <= target:
            return 0.0
        upper = max(float(np.ptp(means)) ** 2, 1e-12)
        while _cochran(means, variances, upper) > target:
            upper *= 4
        return float(brentq(lambda tau2: _cochran(means, variances, tau2) - target, 0.0, upper))

    return where(1 - _ALPHA / 2), where(_ALPHA / 2)


def answer(question: str, is_ratio: bool, hosts: Sequence[HostAnswer]) -> FleetAnswer:
    """All of it, of the hosts in the given order."""
    groups: dict[tuple[str, ...], list[HostAnswer]] = {}
    for host in hosts:
        if host.fingerprint:
            key = tuple(host.fingerprint.get(name, "unknown") for name in GROUPED_BY)
            groups.setdefault(key, []).append(host)
    return FleetAnswer(
        question,
        is_ratio,
        hosts,
        [
            HostGroup(dict(zip(GROUPED_BY, key, strict=True)), alike, _summaries(alike))
            for key, alike in groups.items()
        ],
        _summaries(hosts),
    )


def _summaries(hosts: Sequence[HostAnswer]) -> list[Across]:
    by_measure: dict[str, list[Effect]] = {}
    for host in hosts:
        for name, one in host.effects.items():
            by_measure.setdefault(name, []).append(one)
    found = [across(name, effects) for name, effects in by_measure.items()]
    return [one for one in found if one is not None]
