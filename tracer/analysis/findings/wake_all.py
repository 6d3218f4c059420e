"""Wake-all: one wake-up for many threads, of which most find nothing to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, again, named, share
from tracer.model.futex_waits import HARDLY_NS
from tracer.model.states import ON_CPU_PARTS
from tracer.units import count, duration

NAME = "Wake-all"
#: So many wakes of several threads, this many threads each; this share of the woken ones waits
#: again after hardly any work, and the threads that wake are others than those that wait.
LEAST_WAKES, LEAST_EACH, LEAST_IN_VAIN, MOST_OWN = 100, 3.0, 0.6, 0.5
#: What the woken threads need for it: their time on CPUs is this share of the window.
LEAST_SHARE = 0.02
Word = Mapping[str, Any]


def _each(word: Word) -> float:
    """Threads woken by a wake."""
    return float(word["woken_more"] / max(word["woke_more"], 1))


def _in_vain(word: Word) -> float:
    """Of these, all but one at most: whoever got what there was is not woken in vain."""
    share_ = word["in_vain"] / max(word["woken_more"], 1)
    return float(min(share_ * _each(word), _each(word) - 1))


def _fits(word: Word) -> bool:
    waiters = {one["name"] for one in word["waiters"]}
    own = sum(one["calls"] for one in word["wakers"] if one["name"] in waiters)
    return (
        word["woke_more"] >= LEAST_WAKES
        and _each(word) >= LEAST_EACH
        and word["in_vain"] >= LEAST_IN_VAIN * word["woken_more"]
        and own <= MOST_OWN * max(word["wakes"], 1)
    )


def _word(document: Document) -> Word | None:
    words = (document.get("futex") or {}).get("broadcasts") or []
    return max(filter(_fits, words), key=lambda word: word["woken_more"], default=None)


def _cost_ns(document: Document) -> float:
    """Of the waiters' time on CPUs, and the wakers' in futex calls, the share that was in vain."""
    word = _word(document)
    if word is None:
        return 0.0
    waiters, wakers = ({one["name"] for one in word[role]} for role in ("waiters", "wakers"))
    ran_ns = 0
    for group in document["thread_groups"]:
        parts = ON_CPU_PARTS if group["name"] in waiters else ()
        if not parts and group["name"] in wakers:
            parts = ("syscall:futex",)
        ran_ns += sum(group["parts"].get(part, 0) for part in parts)
    return float(ran_ns) * _in_vain(word) / max(_each(word), 1)


DERIVED = {
    "woken each": lambda document: _each(_word(document) or {}),
    "in vain each": lambda document: _in_vain(_word(document) or {}),
    "cost, ns": _cost_ns,
    "hardly, ns": lambda _document: HARDLY_NS,
}


def find(document: Document) -> Finding | None:
    word = _word(document)
    if word is None or share(document, _cost_ns(document)) < LEAST_SHARE:
        return None
    waiter, waker = word["waiters"][0], word["wakers"][0]
    return finding(
        __name__,
        share(document, _cost_ns(document)),
        f"{named(waker['name'])} wakes {_each(word):.1f} threads {named(waiter['name'])} at a time,"
        f" {_in_vain(word):.1f} of them for nothing: wake one (notify_one, pthread_cond_signal)",
        f"{count(word['woke_more'])} wakes woke {count(word['woken_more'])} threads;"
        f" {count(word['in_vain'])} times one slept again after less than {duration(HARDLY_NS)} of"
        " own code;"
        f" {duration(_cost_ns(document))} of CPU time",
        again(document, "--probe stacks"),
    )
