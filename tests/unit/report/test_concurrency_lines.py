"""The program as a whole, as a report says it."""

from __future__ import annotations

from harness.summarized import planted_concurrency, planted_summaries, planted_summary

from tracer.analysis.run.concurrency import Asleep, LookShare
from tracer.report.run.concurrency import concurrency
from tracer.report.run.text import render

NONE = LookShare(0.0, 0.015)


def test_shares_means_and_what_the_threads_slept_in() -> None:
    assert concurrency(planted_summary(concurrency=planted_concurrency())) == [
        "The program as a whole: 200 looks at its 9 threads, one every 10 ms",
        "  all asleep 62 %, ready, none ran 3.0 %, 1 ran 28 %, 2 ran 7.0 % (each +-3.4 points at"
        " most)",
        "  on average 0.42 ran, 0.06 waited for a CPU",
        r"  asleep while none ran: 8 worker-* in epoll_wait, 0.30 m\x1b in fdatasync",
    ]


def test_two_that_always_run_are_not_said_to_sleep() -> None:
    found = planted_concurrency(
        threads=2.0,
        running=2.0,
        ready=0.0,
        all_asleep=NONE,
        none_ran=NONE,
        ran=(NONE, LookShare(1.0, 0.015)),
        asleep=(),
    )
    lines = concurrency(planted_summary(concurrency=found))
    assert lines[1:] == [
        "  all asleep 0 %, 2 ran 100 % (each +-1.5 points at most)",
        "  on average 2 ran, 0 waited for a CPU",
    ]


def test_one_thread_and_few_looks() -> None:
    found = planted_concurrency(
        looks=10,
        threads=1.0,
        all_asleep=LookShare(0.9, None),
        none_ran=LookShare(0.0, None),
        ran=(LookShare(0.1, None),),
        asleep=(Asleep("x", None, "unknown", 0.9, 1.0),),
    )
    lines = concurrency(planted_summary(concurrency=found))
    assert lines[0] == "The program as a whole: 10 looks at its thread, one every 10 ms"
    assert lines[1] == "  asleep 90 %, ran 10 % (too few looks to say how far these are off)"
    assert lines[3] == "  asleep while none ran: 1 x in unknown calls"


def test_many_cpus_and_many_calls_are_summed_up() -> None:
    sleeps = tuple(Asleep(f"g{n}", "read", "io", 1.0, 1.0) for n in range(7))
    found = planted_concurrency(ran=(LookShare(0.03, 0.01),) * 12, asleep=sleeps)
    lines = concurrency(planted_summary(concurrency=found))
    assert "8 ran 3.0 %, more ran 12 %" in lines[1] and "9 ran" not in lines[1]
    assert lines[3].endswith("1 g3 in read, 3 in other calls")


def test_it_stands_before_a_path_that_was_chosen_and_after_that_of_a_whole_run() -> None:
    summaries = planted_summaries()
    chosen, whole = render(summaries["attach"]), render(summaries["whole"])
    assert chosen.index("The program as a whole") < chosen.index("Where the time went")
    assert whole.index("The program as a whole") > whole.index("Where the time went")
    assert "as a whole" not in render(summaries["all"])
