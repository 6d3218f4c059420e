"""The program as a whole: how many of its threads ran at a time, and what the others slept in."""

from __future__ import annotations

from tracer.analysis.run.concurrency import Asleep, Concurrent, LookShare
from tracer.analysis.run.summary import Summary
from tracer.units import count, counted, duration, in_points, plain

#: More rows of each kind are left to the JSON report.
_MOST_RAN, _MOST_ASLEEP = 8, 4
#: How a thread sleeps that is in no call.
_NO_CALL = {"stopped": "stopped", "unknown": "in unknown calls"}
#: Fewer threads than this at a time are not worth a mention.
_FEWEST = 0.005


def concurrency(run: Summary) -> list[str]:
    """Nothing where nobody looked."""
    found = run.concurrency
    if found is None:
        return []
    threads = _number(found.threads)
    return [
        f"The program as a whole: {counted(found.looks, 'look')} at its {_threads(threads)},"
        f" one every {duration(found.interval_ns)}",
        f"  {', '.join(_shares(found, is_one=threads == '1'))}{_errors(found)}",
        f"  on average {_number(found.running)} ran, {_number(found.ready)} waited for a CPU",
        *_sleeps(found),
    ]


def _threads(number: str) -> str:
    if "." in number:
        return f"threads ({number} on average)"
    return "thread" if number == "1" else f"{number} threads"


def _shares(found: Concurrent, is_one: bool) -> list[str]:
    asleep, ready = "all asleep", "ready, none ran"
    if is_one:
        asleep, ready = "asleep", "ready, not running"
    texts = [f"{asleep} {_percent(found.all_asleep)}"]
    if found.none_ran.share:
        texts.append(f"{ready} {_percent(found.none_ran)}")
    shown, rest = found.ran[:_MOST_RAN], found.ran[_MOST_RAN:]
    if is_one:
        texts += [f"ran {_percent(share)}" for share in shown]
    else:
        texts += [f"{n} ran {_percent(s)}" for n, s in enumerate(shown, 1) if s.share]
    if rest:
        more = LookShare(sum(share.share for share in rest), None)
        texts.append(f"more ran {_percent(more)}")
    return texts


def _errors(found: Concurrent) -> str:
    """How far these shares can be off: the largest of the errors."""
    shares = (found.all_asleep, found.none_ran, *found.ran)
    errors = [share.error for share in shares if share.error is not None and share.share]
    if not errors:
        return " (too few looks to say how far these are off)"
    return f" (each +-{in_points(max(errors))} points at most)"


def _percent(share: LookShare) -> str:
    value = 100 * share.share
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %"


def _sleeps(found: Concurrent) -> list[str]:
    """What the threads slept in while none of them ran; where one always did, in all looks."""
    is_alone = bool(found.all_asleep.share + found.none_ran.share)
    rows = [(one.none_ran if is_alone else one.threads, one) for one in found.asleep]
    rows = [(number, one) for number, one in rows if number >= _FEWEST]
    if not rows:
        return []
    named = [f"{_number(n)} {plain(one.group)} {_in_call(one)}" for n, one in rows[:_MOST_ASLEEP]]
    rest = rows[_MOST_ASLEEP:]
    if rest:
        named.append(f"{_number(sum(number for number, _one in rest))} in other calls")
    when = "asleep while none ran" if is_alone else "asleep"
    return [f"  {when}: {', '.join(named)}"]


def _in_call(one: Asleep) -> str:
    return f"in {one.call}" if one.call else _NO_CALL.get(one.cls, "outside calls")


def _number(value: float) -> str:
    """How many threads, on average: `9`, `0.42`, `103`."""
    rounded = round(value, 2 if value < 10 else 0)
    return count(rounded) if rounded == int(rounded) else f"{rounded:.2f}"
