"""A saved document gives the same text again, and the same document."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from harness.summarized import planted_summaries

from tracer.analysis.run.document import document
from tracer.analysis.run.estimate import Estimate
from tracer.analysis.run.observer import Pair, observe
from tracer.analysis.run.saved import summary_of
from tracer.analysis.run.summary import Summary
from tracer.report.run.text import Shown, render

_ON_CPU_NS = 10


def consistent(run: Summary) -> Summary:
    """The headline and the counts of a planted summary as one recording would have them."""
    known = replace(run.headline, unknown=0.15, on_cpu=0.45, switch_cost_ns=0)
    result = {name: value for name, value in run.result.items() if name != "units"}
    if run.units:
        result |= {"units": run.units}
    if result:
        result |= {"mean_ns": 49, "stddev_ns": 1, "ns_per_unit": 16}
    unknown = Estimate(0, _ON_CPU_NS, _ON_CPU_NS, _ON_CPU_NS, 0)
    is_estimated = run.target.kind != "workload"
    estimate = run.estimate or (unknown if is_estimated else None)
    return replace(run, headline=known, result=result, estimate=estimate)


_PAIRS = [Pair(110, 100, 2, 1), Pair(120, 100, 2, 1), Pair(130, 100, 2, 1)]
SUMMARIES = {kind: consistent(run) for kind, run in planted_summaries().items()}
SUMMARIES["observed"] = replace(SUMMARIES["all"], observer=observe(_PAIRS))


def again(run: Summary) -> Summary:
    return summary_of(json.loads(json.dumps(document(run))))


@pytest.mark.parametrize("kind", SUMMARIES)
def test_the_document_is_the_same(kind: str) -> None:
    before = document(SUMMARIES[kind])
    after = document(again(SUMMARIES[kind]))
    before.pop("where", None)
    before.pop("findings")  # which may rest on sections
    after.pop("findings")
    estimate, told = (d["observer"].pop("estimate") for d in (before, after))
    assert after == {name: value for name, value in before.items() if name in after}
    assert set(before) == set(after)
    assert (estimate is None) == (told is None)
    assert told == pytest.approx(estimate)


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("kind", SUMMARIES)
def test_the_text_is_the_same(kind: str, width: int) -> None:
    run = replace(SUMMARIES[kind], where=None)
    assert render(again(run), width, Shown(brief=True)) == render(run, width, Shown(brief=True))
    assert render(again(run), width).splitlines() == render(run, width).splitlines()


def test_what_an_older_document_lacks_is_not_printed() -> None:
    data = document(SUMMARIES["attach"])
    for name in ("report", "command_line", "findings", "outside_waits", "concurrency", "who"):
        data.pop(name, None)
    del data["ledgers"]["wall"]["awaited"]
    text = render(summary_of(data), 80)
    assert "watched for 100 ns" in text and "Context switches  3: 1 voluntary" in text
