"""Places: which frame the time belongs to, and what each has."""

from __future__ import annotations

import pytest
from harness.profiled import (
    LIBC,
    PASS_ON,
    PROFILE,
    RECV,
    RING,
    ROOT,
    SPIN,
    WALL,
    frame,
    random_profile,
    sample,
    stack,
)

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.pieces import path_pieces
from tracer.analysis.where.places import (
    NO_JS_NAME,
    NO_SAMPLE,
    NO_STACK,
    Place,
    PlaceShare,
    name_of,
    place_of,
    place_shares,
)
from tracer.analysis.where.profile import stack_quality, where
from tracer.model.profile import Profile, SampledStack
from tracer.model.stacks import Frame


def test_the_innermost_own_frame_and_what_it_called() -> None:
    assert place_of([RECV, PASS_ON, *ROOT]) == Place(
        "ring::pass_on", RING, "src/row.rs", 26, "recv"
    )
    assert place_of([SPIN, PASS_ON, *ROOT]) == Place("ring::spin", RING, "src/row.rs", 40)


def test_called_is_what_own_code_called_not_what_that_called() -> None:
    wait = frame("pthread_cond_wait", LIBC)
    frames = [frame("__futex_abstimed_wait_common", LIBC), wait, frame("main.c_wait"), *ROOT]
    assert place_of(frames).called == "pthread_cond_wait"


def test_plumbing_between_is_not_what_was_called() -> None:
    once = frame("core::ops::function::FnOnce::call_once")
    lock = frame("std::sync::mutex::Mutex<T>::lock")
    assert place_of([lock, once, PASS_ON]).called == "std::sync::mutex::Mutex<T>::lock"
    assert place_of([once, PASS_ON]).called == ""


def test_without_own_code_the_innermost_named_frame() -> None:
    nameless = Frame("", LIBC, "", 0, inlined=False, kind="native", offset=0x10)
    assert place_of([nameless, RECV, *ROOT]) == Place("recv", LIBC, is_own=False)
    assert place_of([nameless]) == Place("libc.so.6+0x10", LIBC, is_own=False)
    assert place_of([]) == Place(NO_STACK, is_own=False)


def test_own_code_of_a_stripped_program_is_an_address_in_it() -> None:
    nameless = Frame("", RING, "", 0, inlined=False, kind="unknown", offset=0x10)
    started = frame("__libc_start_call_main", LIBC)
    assert place_of([RECV, nameless, started]) == Place("ring+0x10", RING, called="recv")
    assert place_of([nameless, SPIN, started]).function == "ring::spin", "which says more"
    made = Frame("", "", "", 0, inlined=False, kind="unknown", offset=0x10)
    assert place_of([made, started]) == Place("__libc_start_call_main", LIBC, is_own=False)


def test_python_code_owns_what_its_interpreter_does() -> None:
    loop = frame("_PyEval_EvalFrameDefault", "/usr/bin/python3.11")
    read = frame("_io_FileIO_read", "/usr/bin/python3.11")
    handle = frame("handle", "", at="/srv/app/server.py:12", kind="python")
    library = frame("readinto", "", at="/usr/lib/python3.11/socket.py:706", kind="python")
    place = place_of([read, loop, library, loop, handle, loop])
    assert (place.function, place.line, place.called) == ("handle", 12, "readinto")
    assert place_of([read, loop, handle, loop]).called == ""
    assert place_of([read, loop]).function == "_io_FileIO_read"


def test_javascript_without_names_is_the_programs_own_code() -> None:
    node = "/usr/bin/node"
    loop, entry = frame("uv__io_poll", node), frame("Builtins_JSEntry", node)
    interpreted = frame("Builtins_InterpreterEntryTrampoline", node)
    compiled, clock = frame("", ""), frame("uv__hrtime", node)
    outside = (entry, frame("v8::Function::Call", node), loop, *ROOT)
    place = place_of([frame("clock_gettime", "[vdso]"), clock, interpreted, *outside])
    assert (place.function, place.called, place.is_own) == (NO_JS_NAME, "uv__hrtime", True)
    place = place_of([compiled, compiled, *outside])
    assert (place.function, place.called) == (NO_JS_NAME, "")
    addon = frame("addon::resize", "/srv/app/addon.node")
    assert place_of([RECV, addon, interpreted, *outside]).function == "addon::resize"
    assert place_of([RECV, loop, *ROOT]).function == "uv__io_poll"
    named = frame("LazyCompile:~serve /srv/app.js:3", "perf map")
    assert "serve" in place_of([clock, named, *outside]).function


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("__GI___libc_read", "read"),
        ("__libc_recv", "recv"),
        ("__GI___clock_gettime", "clock_gettime"),
        ("__GI_raise", "raise"),
        ("__libc_start_main", "__libc_start_main"),
        ("libc_", "libc_"),
        ("__futex_abstimed_wait_common", "__futex_abstimed_wait_common"),
    ],
)
def test_names_of_the_c_library_are_those_of_its_manual(symbol: str, name: str) -> None:
    assert name_of(frame(symbol, LIBC)) == name


def test_names_lose_what_a_compiler_appended() -> None:
    assert name_of(frame("ring::pass_on::h0123456789abcdef")) == "ring::pass_on"
    assert name_of(frame("read@@GLIBC_2.2.5")) == "read"
    assert name_of(frame("ring::x.llvm.1234567")) == "ring::x"
    assert name_of(frame("ring::hash")) == "ring::hash"


def by_text(shares: list[PlaceShare]) -> dict[tuple[str, str, str], int]:
    return {(s.place.function, s.place.called, s.part): s.ns for s in shares}


def test_times_of_places() -> None:
    shares = place_shares(path_pieces(PROFILE, WALL), WALL.total_ns)
    assert by_text(shares) == {
        ("ring::spin", "", "user"): 59_999,
        ("ring::pass_on", "recv", "syscall:io"): 30_001,
        ("ring::pass_on", "recv", "wakeup:idle"): 10_000,
        (NO_SAMPLE, "", "sleep"): 2,
        (NO_SAMPLE, "", "unknown"): 1,
    }
    assert [share.ns for share in shares] == sorted((s.ns for s in shares), reverse=True)
    assert [share.calls for share in shares[:3]] == [(), ("recvfrom",), ("recvfrom",)]
    assert [share.points for share in shares[:3]] == [60, 30, 10]


@pytest.mark.parametrize("seed", range(30))
def test_random_places_sum_to_the_ledger(seed: int) -> None:
    profile, wall = random_profile(seed)
    found = where(profile, wall)
    assert sum(share.ns for share in found.places) == wall.total_ns == found.window_ns
    for part, ns in wall.parts.items():
        assert sum(share.ns for share in found.places if share.part == part) == ns


def test_lines_of_a_function_are_one_place_and_lines_of_calls_are_not() -> None:
    at = [frame("ring::spin", at=f"src/row.rs:{line}") for line in (40, 41, 41)]
    sends = [frame("ring::pass_on", at=f"src/row.rs:{line}") for line in (26, 30)]
    profile = Profile(
        (
            *(sample("user", 1, stack(one)) for one in at),
            *(sample("syscall:io", 1, stack(RECV, one)) for one in sends),
        )
    )
    pieces = path_pieces(profile, Ledger(50, {"user": 30, "syscall:io": 20}))
    shares = place_shares(pieces, 50)
    assert [(s.place.function, s.place.line, s.lines, s.ns) for s in shares] == [
        ("ring::spin", 41, 2, 30),
        ("ring::pass_on", 26, 1, 10),
        ("ring::pass_on", 30, 1, 10),
    ]


def test_quality_of_stacks() -> None:
    broken = SampledStack((RECV, frame("", "/usr/lib/libjvm.so")), whole=False)
    told = SampledStack((PASS_ON,), whole=False, taken="by_clock", broken_in="/opt/libodd.so")
    profile = Profile(
        (
            sample("user", 3, stack(SPIN)),
            sample("user", 2, broken),
            sample("user", 1, told),
            sample("user", 4),
        )
    )
    quality = stack_quality(path_pieces(profile, Ledger(1007, {"user": 1000, "sleep": 7})))
    assert quality.whole_ns == 300
    assert quality.broken_ns == {"libjvm.so": 200, "libodd.so": 100}
    assert quality.missing_ns == 400
    assert quality.no_sample_ns == 7
    assert quality.taken_ns == {"came_in": 500, "by_clock": 100}
