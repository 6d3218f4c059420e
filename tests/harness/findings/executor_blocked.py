"""Event loops that sleep in other calls or compute for long, and such that do not."""

from harness.findings import run
from harness.findings._waits import on, rows, wait

MS = 1_000_000
_POLLS = wait("epoll_wait", "poll", 400, 2 * MS, polls=400, descriptors=[on("eventpoll")])
_QUERY = wait("recvfrom", "io", 20, 50 * MS, "softirq", polls=400,
              descriptors=[on("tcp", own_port=40000, peer_port=5432, peer="10.0.0.2")])  # fmt: skip
_SLEEP = wait("clock_nanosleep", "sleep", 30, 50 * MS, "timer", polls=31)


def _run(*found: dict[str, object], **more: object) -> dict[str, object]:
    return run(2000 * MS, {"external": 1000 * MS}, waits=rows(*found), **more)


def _where(**more: object) -> dict[str, object]:
    stacks = {"whole_ns": 0, "broken_ns": {}, "missing_ns": 0, "no_sample_ns": 0, "taken_ns": {},
              "why_missing": None, "hints": []}  # fmt: skip
    return {"grid_ns": 997_000, "points": 1, "lost_points": 0, "handovers": 0, "places": [],
            "edges": [], "tasks": [], "loops": [], "stacks": stacks, **more}  # fmt: skip


def _slept_in(function: str) -> dict[str, object]:
    """On the path, in that call."""
    place = {"function": function, "module": None, "file": "/srv/app.py", "line": 12,
             "called": None, "own": True, "lines": 1, "part": "sleep",
             "calls": ["clock_nanosleep"], "time_ns": 1500 * MS, "share": 0.75, "error": 0.01,
             "points": 1500}  # fmt: skip
    return _where(places=[place])


def _loop(ns: int, polls: int, has_place: bool) -> dict[str, object]:
    place = {"function": "crunch", "module": None, "file": None, "line": None, "called": None,
             "own": True}  # fmt: skip
    loop = {"tid": 9, "thread": "tokio-runtime-w", "longest_ns": ns, "polls": polls,
            "goes_on": False, "call": None,
            "place": place if has_place else None, "task": None}  # fmt: skip
    return _where(loops=[loop])


def _clock_for_a_task(runtime: str) -> dict[str, object]:
    where = _loop(800 * MS, 40, True)
    (loop,) = where["loops"]  # type: ignore[misc]
    task = {"runtime": runtime, "number": 25, "name": "main.handle", "label": None}
    place = {**loop["place"], "function": "clock_gettime", "own": False}
    return {**where, "loops": [{**loop, "place": place, "task": task}]}


FIRES = [
    _run(_QUERY, _POLLS),
    _run(_SLEEP),  # no call of epoll slept: there was always a task
    _run(_SLEEP, where=_slept_in("handle_request")),
    _run({**_SLEEP, "threads": 3}),
    _run(_POLLS, where=_loop(800 * MS, 40, True)),
    _run(_POLLS, where=_loop(5000 * MS, 40, True)),  # it had begun before the window
    _run(_POLLS, where=_loop(800 * MS, 40, False)),
    _run(_POLLS, where=_clock_for_a_task("tokio")),
]
SILENT = [
    _run(_POLLS, where=_clock_for_a_task("go")),  # other threads of Go run what waits there
    _run({**_QUERY, "polls": 9}),
    _run(_POLLS, {**_QUERY, "polls": 0}),
    _run(_POLLS, wait("read", "io", 10_000, 50_000, polls=400)),
    _run(_POLLS, wait("wait4", "process", 1, 900 * MS, polls=400)),
    _run({**_SLEEP, "threads": 16}),  # of each of them too little
    _run(_POLLS, where=_loop(9 * MS, 40, True)),
    _run(where=_loop(800 * MS, 0, True)),
]
