"""A measure on many hosts: the summary against its known truth, groups, the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tracer.analysis.brigades import Contestant
from tracer.analysis.fleet import (
    SAME,
    SLOWER,
    Effect,
    FleetAnswer,
    HostAnswer,
    across,
    answer,
    effect,
)
from tracer.analysis.fleet_hosts import (
    ASYNC_GAP,
    async_effects,
    ratio_effects,
    time_effects,
)
from tracer.analysis.statistics.intervals import Interval
from tracer.model.trial import FAILED, Outcome, Surroundings, Trial
from tracer.report import fleet as report

AROUND = Surroundings(1, 1, 10, 0, 0)
AMD = {"cpu": "AMD", "kernel": "6.18", "idle": "haltpoll, haltpoll", "topology": "2 CPUs"}
ARM = {**AMD, "cpu": "ARM"}


def planted(hosts: int, spread: float, seed: int, blocks: int = 12) -> list[Effect]:
    """Hosts whose logarithms scatter about 0.5 by `spread`, their blocks by 0.1."""
    rng = np.random.default_rng(seed)
    made = [effect(mean + rng.normal(0, 0.1, blocks)) for mean in rng.normal(0.5, spread, hosts)]
    return [one for one in made if one is not None]


def test_an_effect_is_the_mean_of_its_blocks() -> None:
    one = effect([0.0, 0.2, 0.4])
    assert one is not None and one.blocks == 3
    assert one.mean == pytest.approx(0.2) and one.variance == pytest.approx(0.04 / 3)
    assert one.interval.median == pytest.approx(math.exp(0.2))
    assert one.interval.high == pytest.approx(math.exp(0.2 + 4.303 * math.sqrt(0.04 / 3)))
    assert effect([0.1]) is None
    same = effect([0.1, 0.1])
    assert same is not None and same.variance > 0, "no host is known exactly"


@pytest.mark.parametrize(("hosts", "spread"), [(5, 0.0), (5, 0.2), (40, 0.05), (40, 0.2)])
def test_intervals_hold_the_truth_nineteen_times_in_twenty(hosts: int, spread: float) -> None:
    """400 fleets; 0.91 is four standard deviations below 0.95."""
    found = [across("x", planted(hosts, spread, seed)) for seed in range(400)]
    held = [
        (one.mean.low <= math.exp(0.5) <= one.mean.high,
         one.spread.low <= math.exp(spread) <= one.spread.high)
        for one in found
        if one is not None
    ]  # fmt: skip
    mean, scatter = np.mean(held, axis=0)
    assert mean > 0.91 and scatter > 0.90


def test_another_host_falls_into_the_interval_that_is_given_for_it() -> None:
    one = across("x", planted(40, 0.3, 1))
    assert one is not None and one.share > 0.9
    others = np.exp(np.random.default_rng(2).normal(0.5, 0.3, 2000))
    inside = np.mean((others > one.next_host.low) & (others < one.next_host.high))
    assert 0.85 < inside <= 1


def test_the_estimate_is_that_of_a_published_example() -> None:
    """Effects and variances of Hedges and Olkin; Paule and Mandel's tau squared and the common mean
    by hand: the weights 1 / (v + tau2) make Cochran's Q as large as its degrees of freedom."""
    means, variances = [0.1, 0.3, 0.35, 0.65, 0.45, 0.15], [0.03, 0.03, 0.05, 0.01, 0.05, 0.02]
    one = across("x", [Effect(m, v, 12) for m, v in zip(means, variances, strict=True)])
    assert one is not None
    tau2 = math.log(one.spread.median) ** 2
    weights = 1 / (np.array(variances) + tau2)
    mean = np.average(means, weights=weights)
    assert float((weights * (np.array(means) - mean) ** 2).sum()) == pytest.approx(5, abs=0.01)
    assert math.log(one.mean.median) == pytest.approx(mean, abs=1e-6)


def test_one_host_has_no_summary() -> None:
    assert across("x", planted(1, 0.0, 1)) is None


def outcomes(a_ns: float, b_ns: float, blocks: int = 3) -> list[Outcome]:
    made = []
    for block in range(blocks):
        for trial, ns in (
            (Trial("A", False, block), a_ns), (Trial("B", False, block), b_ns),
            (Trial("A", False, block, twin=True), 1e9), (Trial("A", True, block), 1e9),
        ):  # fmt: skip
            made.append(Outcome(trial, {"ns_per_unit": ns * (1 + block / 10)}, AROUND))
    return [*made, Outcome(Trial("A", False, -1), {"ns_per_unit": 1e9}, AROUND)]


def test_only_untraced_runs_of_blocks_count_and_no_twins() -> None:
    made = outcomes(200, 100)
    assert ratio_effects("x", made, "A", "B")["x"].interval.median == pytest.approx(2)
    times = time_effects(made, ["A", "B", "C"])
    assert list(times) == ["A", "B"]
    assert math.exp(times["B"].mean) == pytest.approx(100 * (1 * 1.1 * 1.2) ** (1 / 3))
    assert ratio_effects("x", made[:2], "A", "B") == {}


def fleet() -> FleetAnswer:
    """Three hosts of two kinds; one is left out."""
    hosts = [
        HostAnswer(f"h{n}", AMD if n < 2 else ARM, {"A / B": one}, (12, 12), SLOWER, "cause: x")
        for n, one in enumerate(planted(3, 0.2, 4))
    ]
    hosts[2] = replace(hosts[2], verdict=SAME, why="", repeated=1)
    return answer("compare", True, [*hosts, HostAnswer("h3", {}, failure="no rights")])


def test_hosts_are_grouped_by_what_they_are() -> None:
    x = fleet()
    assert [[host.name for host in group.hosts] for group in x.groups] == [["h0", "h1"], ["h2"]]
    assert [group.alike["cpu"] for group in x.groups] == ["AMD", "ARM"]
    assert [len(group.across) for group in x.groups] == [1, 0]
    assert x.across[0].hosts == 3


def test_the_report_says_where_and_why_and_names_who_is_left_out(
    validate_document: Callable[[Mapping[str, Any]], None],
) -> None:
    x = fleet()
    validate_document(report.document(x))
    text = report.render(x)
    assert "A is slower on h0, h1" in text
    assert "A is as fast, beyond noise, on h2" in text
    assert "Why there\n  h0, h1: cause: x" in text
    assert "left out: h3: no rights" in text
    assert "h2: 1 block lost with its worker and repeated" in text
    assert "2 hosts alike: CPU AMD, kernel 6.18" in text
    assert max(map(len, text.splitlines())) <= 100


def test_of_many_hosts_the_extremes_are_shown() -> None:
    hosts = [
        HostAnswer(f"h{n:03}", AMD, {"A / B": one}, (12, 12))
        for n, one in enumerate(planted(100, 0.5, 3))
    ]
    text = report.render(answer("compare", True, hosts))
    assert "(the 6 extremes of 100 hosts; --json and --parquet have all)" in text
    lowest = min(hosts, key=lambda host: host.effects["A / B"].mean)
    assert f"\n{lowest.name} " in text


def test_times_have_a_line_for_each_measure_and_host() -> None:
    made = [effect([math.log(1000.0 * n), math.log(1100.0 * n)]) for n in (1, 2)]
    effects = {f"tasks={n}": one for n, one in enumerate(made) if one is not None}
    text = report.render(
        answer("sweep", False, [HostAnswer(name, AMD, effects, (2, 2)) for name in ("a", "b")])
    )
    assert sum(line.startswith(("a ", "b ")) for line in text.splitlines()) == 4
    assert "1.05 us" in text and "2.10 us" in text


def test_hosts_without_a_measure_are_shown_too() -> None:
    text = report.render(answer("compare", True, [HostAnswer("a", AMD, verdict="no verdict")]))
    assert "Not judged (a busy host, or too few blocks): a" in text
    assert "Fewer than two hosts have two blocks" in text


def test_of_changes_those_that_are_seen_over_all_hosts_come_first() -> None:
    """No verdict on one of them: all are shown, host by host, with what was found."""
    better = planted(8, 0.01, 5)  # exp(0.5) = 1.65 times
    same = [effect([0.01 * n, -0.01 * n]) for n in range(1, 9)]
    hosts = [
        HostAnswer(f"h{n}", AMD, {"as it is / x": a, "as it is / y": b}, (2, 2), why="helps: x")
        for n, (a, b) in enumerate(zip(better, same, strict=True))
        if b is not None
    ]
    said = report.document(answer("explain-why", True, hosts))["answer"]
    assert len(said) == 1 and said[0].startswith("as it is / x = 1.6")
    text = report.render(answer("explain-why", True, hosts))
    assert "What was found there\n  h0, h1, h2, h3, h4, h5, h6, h7: helps: x" in text
    assert text.count("as it is / y") == 8 + 1
    none = [replace(host, effects={"as it is / y": host.effects["as it is / y"]}) for host in hosts]
    said = report.document(answer("explain-why", True, none))["answer"]
    assert said == ["Over all hosts nothing is faster or slower, beyond noise."]


def test_a_program_that_is_another_file_is_named() -> None:
    hosts = [
        HostAnswer(name, AMD, programs={"sh": "build id 1", "tool": file})
        for name, file in (("a", "SHA-256 1"), ("b", "SHA-256 2"), ("c", "SHA-256 1"))
    ]
    text = report.render(answer("compare", True, hosts))
    assert "a program is not the same file on all hosts" in text
    assert "tool: SHA-256 1 on a, c; SHA-256 2 on b" in text and "sh:" not in text


def test_sizes_have_a_line_for_each_host_and_kind() -> None:
    sizes = {
        "async": Contestant(Interval(2048, 1, 2), None, None, "no limit is known"),
        "threads": Contestant(Interval(10240, 1, 2), Interval(16384, 1, 2), 30000),
    }
    text = report.render(answer("brigades", False, [HostAnswer("a", AMD, sizes=sizes)]))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "a threads 10.0 KiB 16.0 KiB 30,000" in lines
    assert "a async 2.0 KiB - no limit is known" in lines


def test_async_has_a_ratio_for_each_number_of_tokens_and_steps() -> None:
    made = [
        replace(outcome, trial=replace(outcome.trial, condition=label))
        for outcome in outcomes(300, 1)
        if outcome.trial.condition == "A"
        for label in ("threads", "threads, 4 tokens")
    ] + [
        replace(outcome, trial=replace(outcome.trial, condition=label))
        for outcome in outcomes(100, 1)
        if outcome.trial.condition == "A"
        for label in ("async", "async, 4 tokens")
    ]
    found = async_effects(made, ["threads", "async", "threads, 4 tokens", "async, 4 tokens"])
    assert list(found) == [ASYNC_GAP, f"{ASYNC_GAP}, 4 tokens"]
    assert found[ASYNC_GAP].interval.median == pytest.approx(3)


def test_runs_that_failed_are_of_no_ratio() -> None:
    made = outcomes(200, 100)
    failed = [
        replace(one, result={FAILED: "it ended"}) if one.trial.condition == "B" else one
        for one in made
    ]
    assert ratio_effects("x", failed, "A", "B") == {}
