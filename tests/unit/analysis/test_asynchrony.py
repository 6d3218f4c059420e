"""Async against threads on made-up outcomes: the two taxes, tokens, work, sentences, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tracer.analysis.asynchrony import (
    ASYNC,
    FLOOR,
    MEM_ASYNC,
    MEM_THREADS,
    THREADS,
    AsyncExplanation,
    Tax,
    explain,
    with_tokens,
    with_work,
)
from tracer.model.trial import Outcome, Surroundings, Trial
from tracer.report import asynchrony as report

pytestmark = pytest.mark.usefixtures("few_resamples")

AROUND = Surroundings(1, 1, 1, 0, 0)
UNITS = 100
TOKENS, STEPS = (1, 16), (0, 1000, 10_000)
WOBBLE = (1.0, 1.01, 0.99, 1.0)


def document(
    ns: float, user: float, io: float, queued: float = 0.0, others: float = 0.0, asleep: float = 0.0
) -> dict[str, Any]:
    """A traced run, ns per hop. Every hop reads and writes once; as many receives fail.

    `queued` behind threads of its own; other programs push it off the CPU for `others` besides."""
    ns += others
    total = ns * UNITS
    parts = {
        "wakeup:idle": asleep * UNITS,
        "wakeup:queued": queued * UNITS,
        "preempted": others * UNITS,
    }
    behind = {"behind_own_ns": queued * UNITS, "behind_other_ns": others * UNITS, "held_ns": 0}
    switch = ns - user - io - queued - others - asleep
    return {
        "result": {"units": UNITS},
        "window_ns": total,
        "ledgers": {"wall": {"total_ns": total, "parts": parts, "residual_ns": 0, **behind}},
        "headline": {
            "io": io / ns,
            "user": user / ns,
            "system": 0.0,
            "waiting": 0.0,
            "switching": (queued + switch + others + asleep) / ns,
        },
        "syscalls": [
            {"name": "recvfrom", "class": "io", "calls": 2 * UNITS, "on_cpu_ns": 1200 * UNITS,
             "errors": {"EAGAIN": UNITS}},
            {"name": "sendto", "class": "io", "calls": UNITS, "on_cpu_ns": 900 * UNITS,
             "errors": {}},
            {"name": "epoll_wait", "class": "poll", "calls": 1, "on_cpu_ns": 300 * UNITS,
             "errors": {}},
        ],
    }  # fmt: skip


TRACED = {
    THREADS: document(9000, 600, 4000, queued=4000),
    ASYNC: document(4000, 1500, 2500),
    FLOOR: document(2000, 400, 1600),
}
TIMES = {
    THREADS: 8000.0,
    ASYNC: 4000.0,
    FLOOR: 2000.0,
    MEM_THREADS: 7000.0,
    MEM_ASYNC: 100.0,
    with_tokens(THREADS, 1): 8000.0,
    with_tokens(ASYNC, 1): 4000.0,
    with_tokens(THREADS, 16): 2200.0,
    with_tokens(ASYNC, 16): 2000.0,
    **{with_work(THREADS, steps): 8000.0 + 20 * steps for steps in STEPS},
    **{with_work(ASYNC, steps): 4000.0 + 20 * steps for steps in STEPS},
}


def outcomes(times: dict[str, float] | None = None, blocks: int = 12) -> list[Outcome]:
    found = []
    for block in range(blocks):
        wobble = WOBBLE[block % 4]
        for label, ns in (times or TIMES).items():
            on_cpu = round(ns * wobble * UNITS / 2)
            result: dict[str, Any] = {
                "ns_per_unit": ns * wobble,
                "units": UNITS,
                "rusage": {"user_ns": on_cpu, "system_ns": on_cpu},
            }
            if label.endswith(" steps"):
                result["extra"] = {"work_ns": 20.0 * int(label.split()[-2])}
            found.append(Outcome(Trial(label, False, block), result, AROUND))
            if label in TRACED:
                found.append(Outcome(Trial(label, True, block), result, AROUND, TRACED[label]))
    return found


def explained(times: dict[str, float] | None = None) -> AsyncExplanation:
    return explain(outcomes(times), TOKENS, STEPS, {"sqpoll": "forbidden"})


def taxes(side: Sequence[Tax]) -> dict[str, float]:
    return {tax.what: tax.ns.median for tax in side}


def test_the_two_taxes_are_what_each_pays_beyond_the_floor() -> None:
    x = explained()
    assert taxes(x.async_tax) == pytest.approx(
        {
            "the runtime's own code, beyond the floor": 1100,
            "~ the receive that finds nothing (EAGAIN)": 600,  # half of the receives' time
            "its share of epoll_wait": 300,
        }
    )
    assert taxes(x.thread_tax) == pytest.approx(
        {
            "ready, behind threads of its own": 4000,
            "~ the switch itself (estimate)": 400,
            "blocking and waking in the calls, beyond the floor": 2400,
        }
    )
    # the threads' taxes and the floor are a hop, less the user code that both have
    assert sum(taxes(x.thread_tax).values()) == pytest.approx(9000 - 1600 - 600)


def test_other_programs_on_the_cpu_enter_no_price() -> None:
    """They take the CPU for 7.7 us per hop in every traced run and every untraced one."""
    busy = {
        THREADS: document(9000, 600, 4000, queued=4000, others=7700),
        ASYNC: document(4000, 1500, 2500, others=7700),
        FLOOR: document(2000, 400, 1600, others=7700),
    }
    beside = [
        Outcome(
            o.trial,
            # the untraced threads alone, so that a difference of elapsed times shows it
            {**o.result, "ns_per_unit": o.ns_per_unit + 7700 * (o.trial.condition == THREADS)},
            AROUND,
            busy[o.trial.condition] if o.trial.traced else None,
        )
        for o in outcomes()
    ]  # fmt: skip
    quiet, x = explained(), explain(beside, TOKENS, STEPS, {})
    assert taxes(x.async_tax) == pytest.approx(taxes(quiet.async_tax))
    assert taxes(x.thread_tax) == pytest.approx(taxes(quiet.thread_tax))
    assert x.answer[1:3] == quiet.answer[1:3]
    assert x.answer[0] != quiet.answer[0], "the time of a hop is what it was"


def test_a_row_has_the_name_of_what_it_holds() -> None:
    """Threads of its own and sleeping CPUs, where there were any."""
    changed = [
        Outcome(o.trial, o.result, AROUND, document(4000, 1500, 2000, queued=300, asleep=200))
        if o.trial.traced and o.trial.condition == ASYNC else o
        for o in outcomes()
    ]  # fmt: skip
    rows = taxes(explain(changed, TOKENS, STEPS, {}).async_tax)
    assert rows["ready, behind threads of its own"] == pytest.approx(300)
    assert rows["woken, but the CPU was asleep"] == pytest.approx(200)


def test_documents_that_do_not_know_behind_whom_have_no_such_row() -> None:
    """Version 1: everything that waited for a CPU may have been others' time."""
    old = []
    for o in outcomes():
        if o.report is not None:
            wall = {k: v for k, v in o.report["ledgers"]["wall"].items() if "behind" not in k}
            o = Outcome(o.trial, o.result, AROUND, {**o.report, "ledgers": {"wall": wall}})
        old.append(o)
    rows = taxes(explain(old, TOKENS, STEPS, {}).thread_tax)
    assert "ready, behind threads of its own" not in rows and rows


def test_without_cpu_times_no_price_of_a_switch_is_given() -> None:
    def without(o: Outcome) -> Outcome:
        result = {name: value for name, value in o.result.items() if name != "rusage"}
        return Outcome(o.trial, result, AROUND, o.report)

    answer = explain([without(o) for o in outcomes()], TOKENS, STEPS, {}).answer
    assert not any("Block, wake and switch cost" in sentence for sentence in answer)


def test_a_price_that_comes_out_below_zero_is_unknown() -> None:
    """The floor took longer than what it is the floor of: noise."""
    x = explained({**TIMES, FLOOR: 50_000.0})
    assert (
        "What block, wake and switch cost is unknown: with them no more CPU time was measured than"
        " without them."
    ) in x.answer
    slow = document(900, 60_000, 50_000)
    noisy = [
        Outcome(o.trial, o.result, AROUND, slow)
        if o.trial.traced and o.trial.condition == FLOOR else o
        for o in outcomes()
    ]  # fmt: skip
    below = explain(noisy, TOKENS, STEPS, {})
    assert all(min(t.ns.median, t.ns.low) >= 0 for t in (*below.async_tax, *below.thread_tax))


def test_a_tax_that_cannot_be_negative_has_no_negative_interval() -> None:
    noisy = [
        Outcome(o.trial, o.result, AROUND, document(4000, 1500, 2500, queued=o.trial.block % 2 * 9))
        if o.trial.traced and o.trial.condition == ASYNC else o
        for o in outcomes()
    ]  # fmt: skip
    x = explain(noisy, TOKENS, STEPS, {})
    assert all(tax.ns.low >= 0 for tax in x.async_tax[1:])


def test_points_pair_threads_and_async() -> None:
    x = explained()
    assert [(p.value, round(p.ratio.median, 2)) for p in x.tokens] == [(1, 2.0), (16, 1.1)]
    assert [(p.value, p.work_ns) for p in x.work] == [(0, 0), (1000, 20_000), (10_000, 200_000)]
    assert x.work[1].ratio.median == pytest.approx(28 / 24)


def test_the_answer_in_sentences() -> None:
    assert explained().answer == [
        "On one CPU a hop takes 8 us with threads and 4 us with async: 2.00x [2.00, 2.00], 12"
        " blocks.",
        "Beyond the read and the write a hop pays 6.80 us with threads (block, wake, switch) and"
        " 2 us with async (runtime, empty receive, epoll); both traced.",
        "Block, wake and switch cost 6 us per hop (CPU time, untraced, less the floor), an empty"
        " receive and the share of epoll_wait 900 ns (traced): 6.7 times.",
        "Without I/O 7 us are left with threads and 100 ns with async: 70 times.",
        "More bytes in flight (tokens) change the ratio of threads to async: with 1 2.00x [2.00,"
        " 2.00], with 16 1.10x [1.10, 1.10].",
        "From 200 us of work per hop on the choice changes the time by less than 5 %.",
    ]


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ({1000: 1.01, 10_000: 1.01}, "From 20 us of work per hop on"),
        ({1000: 1.01, 10_000: 1.2}, "Even with 200 us of work per hop the choice changes the time"),
        ({1000: 1.2, 10_000: 1.2}, "Even with 200 us of work per hop the choice changes the time"),
        ({1000: 1.2, 10_000: 0.99}, "From 200 us of work per hop on"),
    ],
)
def test_from_how_much_work_on_the_choice_matters_little(
    steps: dict[int, float], text: str
) -> None:
    times = dict(TIMES)
    for number, ratio in steps.items():
        times[with_work(THREADS, number)] = ratio * times[with_work(ASYNC, number)]
    assert explained(times).answer[-1].startswith(text)


def test_by_the_medians_where_the_interval_is_wide() -> None:
    wide = []
    for o in outcomes():
        if o.trial.condition == with_work(THREADS, 10_000):
            ns = o.ns_per_unit * (0.9, 1.0, 1.1)[o.trial.block % 3]
            o = Outcome(o.trial, {**o.result, "ns_per_unit": ns}, AROUND)
        wide.append(o)
    assert explain(wide, TOKENS, STEPS, {}).answer[-1] == (
        "From 200 us of work per hop on the choice changes the time by less than 5 % by the"
        " medians; the intervals are wider."
    )


def test_what_was_not_run_is_left_out_and_named() -> None:
    x = explain([], TOKENS, STEPS, {"threads": "not built"})
    assert x == AsyncExplanation(0, [], [], [], [], [], {"threads": "not built"})
    assert report.render(x) == "not tested here: threads (not built)\n"


def test_without_the_table_of_calls_its_taxes_are_left_out_and_not_zero() -> None:
    without_calls = [
        o
        if o.report is None
        else Outcome(o.trial, o.result, AROUND, {**o.report, "syscalls": None})
        for o in outcomes()
    ]
    x = explain(without_calls, TOKENS, STEPS, {})
    assert [tax.what for tax in x.async_tax] == ["the runtime's own code, beyond the floor"]
    assert not any("epoll_wait" in sentence for sentence in x.answer)


@pytest.mark.parametrize("width", [60, 100])
def test_the_report_fits(width: int) -> None:
    text = report.render(explained(), "Few blocks.", width)
    assert max(map(len, text.splitlines())) <= width
    assert "not tested here: sqpoll (forbidden)" in text


def test_the_document_is_plain_data(validate_document) -> None:  # type: ignore[no-untyped-def]
    data = report.document(explained(), 12, {"kernel": "6"})
    assert json.loads(json.dumps(data)) == data
    validate_document(data)


@pytest.mark.parametrize(("blocks", "heading"), [(4, "min to max"), (5, "95 %")])
def test_the_interval_is_called_what_it_is(blocks: int, heading: str) -> None:
    x = explain(outcomes(blocks=blocks), TOKENS, STEPS, {})
    assert x.blocks == blocks
    lines = [line for line in report.render(x).splitlines() if line.endswith("per hop")]
    assert len(lines) == 2 and all(heading in line for line in lines)
