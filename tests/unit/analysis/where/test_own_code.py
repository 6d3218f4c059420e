"""What is the program's own code, and what is a library's or a runtime's."""

from __future__ import annotations

import pytest
from harness.profiled import LIBC, frame

from tracer.analysis.where.own_code import is_own, is_plumbing, language, shown

GO = "/srv/app/server"
NODE = "/usr/bin/node"
PYTHON = "/usr/bin/python3.11"


@pytest.mark.parametrize(
    "one",
    [
        frame("recv", LIBC),
        frame("pthread_mutex_lock", "/lib/x86_64-linux-gnu/libpthread-2.31.so"),
        frame("_dl_fixup", "/lib64/ld-linux-x86-64.so.2"),
        frame("memcpy", "/lib/ld-musl-x86_64.so.1"),
        frame("clock_gettime", "[vdso]"),
        frame("_Unwind_RaiseException", "/lib/x86_64-linux-gnu/libgcc_s.so.1"),
        frame("_start"),
        frame("std::vector<int>::push_back(int const&)"),
        frame("void std::__introsort_loop<shop::Item*, long>(shop::Item*, shop::Item*, long)"),
        frame("__introsort_loop", at="/usr/include/c++/12/bits/stl_algo.h:1921"),
        frame("void jdk.internal.misc.Unsafe.unpark(java.lang.Object)", "perf map"),
        frame("std::thread::park"),
        frame("core::ops::function::FnOnce::call_once"),
        frame("<std::os::unix::net::stream::UnixStream as std::io::Read>::read"),
        frame("<&mut alloc::vec::Vec<u8> as core::fmt::Write>::write_str"),
        frame("<T as core::convert::Into<U>>::into"),
        frame("alloc[ab12cd34]::raw_vec::finish_grow"),
        frame("__rust_alloc"),
        frame("anything", at="/rustc/e408947bf/library/std/src/io/mod.rs:12"),
        frame("tokio::runtime::park::CachedParkThread::block_on"),
        frame("<tokio::net::tcp::stream::TcpStream as tokio::io::AsyncRead>::poll_read"),
        frame("mio::poll::Poll::poll"),
        frame("parking_lot_core::parking_lot::park"),
        frame("runtime.gopark", GO, kind="go"),
        frame("runtime/debug.Stack", GO, kind="go"),
        frame("internal/poll.(*FD).Read", GO, kind="go"),
        frame("net/http.(*conn).serve", GO, kind="go"),
        frame("sync.(*Mutex).Lock", GO, kind="go"),
        frame("syscall.Syscall", GO, kind="go"),
        frame("select", at="/usr/lib/python3.11/selectors.py:468", kind="python"),
        frame("_find_and_load", at="<frozen importlib._bootstrap>:1176", kind="python"),
        frame("JVM_Sleep", "/usr/lib/jvm/java-17/lib/server/libjvm.so"),
        frame("java.net.Socket.connect", "", kind="java"),
        frame("Interpreter", ""),
        frame("Builtin:ArrayPrototypePush", ""),
        frame("ep_poll", "[kernel]", kind="kernel"),
        frame(""),
    ],
    ids=lambda one: one.function or "no name",
)
def test_not_own(one: object) -> None:
    assert not is_own(one)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "one",
    [
        frame("main"),
        frame("ring::pass_on"),
        frame("stdlib_wrapper"),
        frame("standard::run"),
        frame("tokio_brigade::main"),
        frame("<ring::Row as core::fmt::Display>::fmt"),
        frame("<ring::Pass as core::future::future::Future>::poll"),
        frame("core::Engine::step()", at="src/core/engine.cpp:12"),
        frame("runtime_loop"),
        frame("io.part.0"),
        frame("sync.constprop.0.isra.0"),
        frame("log.cold"),
        frame("net.send", "/srv/app/written-in-c"),
        frame("main.serve", GO, kind="go"),
        frame("main.(*Server).handle", GO, kind="go"),
        frame("github.com/someone/net.Dial", GO, kind="go"),
        frame("handle", at="/srv/app/server.py:12", kind="python"),
        frame("get", at="/usr/lib/python3.11/site-packages/requests/api.py:62", kind="python"),
        frame("fetch", at="/usr/lib/python3/dist-packages/urllib3/pool.py:7", kind="python"),
        frame("javascript_parse"),
        frame("org.example.Server.run", "", kind="java"),
        frame("LazyCompile:*handle /srv/app/server.js:3", ""),
        frame("ngx_process_events", "/usr/sbin/nginx"),
        frame("libc_wrapper", "/srv/app/mylibc-tools"),
    ],
    ids=lambda one: one.function,
)
def test_own(one: object) -> None:
    assert is_own(one)  # type: ignore[arg-type]


def test_the_interpreter_is_own_code_only_without_frames_of_its_language() -> None:
    loop = frame("_PyEval_EvalFrameDefault", PYTHON)
    assert is_own(loop)
    assert not is_own(loop, frozenset({"python"}))
    extension = frame("inner", "/srv/app/_speedups.cpython-311-x86_64-linux-gnu.so")
    assert is_own(extension, frozenset({"python"}))
    engine = frame("v8::internal::Execution::Call", NODE)
    assert is_own(engine) and not is_own(engine, frozenset({"js"}))


def test_languages_by_kind_and_by_the_names_of_perf_maps() -> None:
    assert language(frame("handle", kind="python")) == "python"
    assert language(frame("py::handle:/srv/app.py", "")) == "python"
    assert language(frame("LazyCompile:~get /srv/a.js:1", "")) == "js"
    assert language(frame("main")) == ""


PLUMBING = [
    "std::sys::backtrace::__rust_begin_short_backtrace",
    "std::sys_common::backtrace::__rust_begin_short_backtrace",
    "std::panicking::try::do_call",
    "std::panicking::catch_unwind",
    "std::panic::catch_unwind",
    "core::ops::function::FnOnce::call_once{{vtable.shim}}",
    "core::ops::function::FnOnce::call_once",
    "<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once",
    "<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once",
    "std::rt::lang_start_internal",
    "std::thread::Builder::spawn_unchecked_::{{closure}}",
    "<core::iter::adapters::map::Map<I,F> as core::iter::traits::iterator::Iterator>::next",
    "core::result::Result<T,E>::unwrap",
    "clone3",
    "start_thread",
]


@pytest.mark.parametrize("name", PLUMBING)
def test_plumbing(name: str) -> None:
    assert is_plumbing(name)


@pytest.mark.parametrize(
    "name",
    [
        "ring::pass_on", "recv", "std::thread::park", "std::sync::mpsc::Receiver<T>::recv",
        "std::thread::JoinHandle<T>::join", "core::hint::spin_loop", "std::io::Read::read_exact",
        "core::task::wake::Waker::wake", "clone_row", "tokio::task::spawn",
    ],
)  # fmt: skip
def test_not_plumbing(name: str) -> None:
    assert not is_plumbing(name)


def test_shown_leaves_plumbing_out_unless_nothing_else_is_there() -> None:
    chain = [frame(name) for name in PLUMBING]
    own = frame("ring::pass_on")
    assert shown([own, *chain]) == [own]
    assert shown(chain) == chain
