"""Names of functions that fit a table."""

from __future__ import annotations

import pytest

from tracer.report.names import short_name


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("recv", "recv"),
        ("", ""),
        ("ring::pass_on", "ring::pass_on"),
        ("thread_brigade::row::Row::pass_on", "Row::pass_on"),
        ("<std::os::unix::net::stream::UnixStream as std::io::Read>::read", "UnixStream::read"),
        ("<&mut std::net::tcp::TcpStream as std::io::Write>::write", "TcpStream::write"),
        ("<alloc::vec::Vec<T,A> as core::ops::drop::Drop>::drop", "Vec::drop"),
        ("<fn() -> u32 as core::ops::function::FnOnce<()>>::call_once", "fn::call_once"),
        ("<ring::Row>::pass_on", "Row::pass_on"),
        ("alloc::vec::Vec<u8>::extend::<core::slice::Iter<u8>>", "Vec::extend"),
        ("ring::serve::{{closure}}", "serve::{{closure}}"),
        ("ns::Engine::step(std::vector<int> const&)", "Engine::step"),
        ("ns::operator<<", "ns::operator<<"),
        ("ns::X::operator()(int, char) const", "X::operator()"),
        ("ns::X<int>::f(int&)::{lambda(int const&)#2}::operator()(int const&) const",
         "f::{lambda#2}"),
        ("(anonymous namespace)::step", "(anonymous namespace)::step"),
        ("net/http.(*conn).serve", "http.(*conn).serve"),
        ("github.com/someone/pkg.Func", "pkg.Func"),
        ("operator/", "operator/"),
    ],
)  # fmt: skip
def test_short_names(name: str, short: str) -> None:
    assert short_name(name) == short


@pytest.mark.parametrize("name", ["<", ">::", "::<", "<a as ", "a::<b", "::", "<<>>::x", ")(::{"])
def test_any_text_is_taken(name: str) -> None:
    assert len(short_name(name)) <= len(name)
