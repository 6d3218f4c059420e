"""The time by number of CPUs, from made-up runs on a machine of 16."""

from __future__ import annotations

import pytest
from harness.explained import PlantedCondition, PlantedExperiment, TracedRun

from tracer.analysis.pinning.answer import explain
from tracer.analysis.pinning.conditions import FREE, PINNED, cpus_of, with_cpus
from tracer.analysis.pinning.rungs import rungs
from tracer.report import pinning as report
from tracer.report import pinning_cpus

pytestmark = pytest.mark.usefixtures("few_resamples")

TIMES = {2: 14000.0, 4: 20000.0, 8: 22000.0}


def sixteen() -> PlantedExperiment:
    planted = PlantedExperiment()
    for count, ns in TIMES.items():
        traced = TracedRun(ns + 2000, crossings=0.1 * count, cross_ns=40000, delivery=ns / 2)
        planted.conditions[with_cpus(count)] = PlantedCondition(ns, traced)
    return planted


def test_from_one_cpu_to_all_in_their_order() -> None:
    planted = sixteen()
    found = rungs(planted.evidence(), list(reversed(planted.conditions)), 16)
    assert [rung.cpus for rung in found] == [1, 2, 4, 8, 16]
    assert [rung.label for rung in found] == [PINNED, "2 CPUs", "4 CPUs", "8 CPUs", FREE]
    medians = [10000, *TIMES.values(), 24000]
    assert [rung.ns.median for rung in found] == pytest.approx(medians, rel=0.01)
    assert all(rung.ns.low < rung.ns.median < rung.ns.high for rung in found)
    ratios = [rung.ratio.median for rung in found if rung.ratio]
    assert found[0].ratio is None
    assert ratios == pytest.approx([1.4, 2.0, 2.2, 2.4])
    assert [rung.crossings for rung in found] == pytest.approx([0, 0.2, 0.4, 0.8, 0.4])
    assert found[2].asleep_ns == pytest.approx(10000, rel=0.01)
    assert found[2].traced_ns == pytest.approx(22000, rel=0.01)


def test_conditions_that_change_something_else_are_no_rungs() -> None:
    planted = sixteen()
    others = set(planted.conditions) - {FREE, PINNED} - set(map(with_cpus, TIMES))
    assert others and {cpus_of(label, 16) for label in others} == {None}
    assert cpus_of("two CPUs of one last-level cache", 16) is None


def test_what_was_not_traced_is_unknown_and_not_zero() -> None:
    planted = sixteen().take(with_cpus(4), traced=None)
    found = rungs(planted.evidence(), list(planted.conditions), 16)[2]
    assert (found.traced_ns, found.asleep_ns, found.crossings) == (None, None, None)
    line = pinning_cpus.lines([found, found], "hop", 12, 100)[-1]
    assert line.split()[-3:] == ["-", "-", "-"]
    series = pinning_cpus.chart([found], "w", "hop", 12, "a host").series
    assert [one.name for one in series] == ["untraced"]


def test_the_table_stands_in_the_report_and_fits() -> None:
    planted = sixteen()
    x = explain(planted.evidence(), list(planted.conditions), None, "w", {}, cpus=16)
    for width in (60, 80, 100):
        text = report.render(x, "hop", width=width)
        assert max(map(len, text.splitlines())) <= width
    table = text.split("Time per hop by number of CPUs")[1].split("\n\n")[0].splitlines()
    assert [row.split()[0] for row in table[-5:]] == ["1", "2", "4", "8", "16"]
    assert "2.00x [2.00, 2.00]" in table[-3]


def test_a_busy_host_has_the_times_without_a_verdict() -> None:
    planted = sixteen()
    labels = list(planted.conditions)
    x = explain(planted.evidence(), labels, None, "w", {}, judged=False, cpus=16)
    assert [rung.cpus for rung in x.rungs] == [1, 2, 4, 8, 16]


def test_two_cpus_have_two_rungs_and_one_alone_has_no_table() -> None:
    planted = PlantedExperiment()
    found = rungs(planted.evidence(), list(planted.conditions), 2)
    assert [(rung.cpus, rung.label) for rung in found] == [(1, PINNED), (2, FREE)]
    assert pinning_cpus.lines(found[:1], "hop", 12, 100) == []


def test_the_picture_has_units_and_an_interval_of_the_untraced_times() -> None:
    planted = sixteen()
    found = rungs(planted.evidence(), list(planted.conditions), 16)
    chart = pinning_cpus.chart(found, "thread-brigade", "hop", 4, "Linux 6")
    assert (chart.x_label, chart.y_label) == ("CPUs that its threads may use", "us per hop")
    assert "minimum to maximum, 4 blocks" in chart.note
    untraced, traced, asleep = chart.series
    assert untraced.x == traced.x == asleep.x == [1, 2, 4, 8, 16]
    assert untraced.y == pytest.approx([10, 14, 20, 22, 24], rel=0.01)
    assert all(low < y < high for low, y, high in
               zip(untraced.low, untraced.y, untraced.high, strict=True))  # fmt: skip
    assert asleep.y[2] == pytest.approx(10, rel=0.01)
    assert chart.title == "Time per hop by number of CPUs: thread-brigade"
    long = pinning_cpus.chart(found, "thread-brigade " + "--tasks 5 " * 9, "hop", 4, "Linux 6")
    assert len(long.title) <= 80 and long.title.endswith("...")


def test_the_document_has_each_rung(validate_document) -> None:  # type: ignore[no-untyped-def]
    planted = sixteen()
    x = explain(planted.evidence(), list(planted.conditions), None, "w", {}, cpus=16)
    data = report.document(x, "w", "hop", 12, {"kernel": "6"})
    validate_document(data)
    assert [rung["cpus"] for rung in data["rungs"]] == [1, 2, 4, 8, 16]
    assert data["rungs"][0]["ratio"] is None
