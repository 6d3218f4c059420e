"""Names of functions without what stands around them."""

from __future__ import annotations

import pytest

from tracer.analysis.where.function_names import without_type


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("void std::sort<int*>(int*, int*)", "std::sort<int*>(int*, int*)"),
        ("unsigned long shop::f<int>(int)", "shop::f<int>(int)"),
        ("std::vector<int, std::allocator<int> > shop::g<int>(int)", "shop::g<int>(int)"),
        ("std::ostream& std::operator<< <char>(std::ostream&, char)",
         "std::operator<< <char>(std::ostream&, char)"),
        ("decltype(auto) ns::h<int>(int)", "ns::h<int>(int)"),
        ("void (anonymous namespace)::f<int>(int)", "(anonymous namespace)::f<int>(int)"),
        ("void f<int>(int)::{lambda(int)#1}::operator()(int) const",
         "f<int>(int)::{lambda(int)#1}::operator()(int) const"),
        ("java.lang.Object[] shop.Cart.all(java.lang.Object[])",
         "shop.Cart.all(java.lang.Object[])"),
        ("void java.lang.String.<init>(byte[], byte)", "java.lang.String.<init>(byte[], byte)"),
        ("non-virtual thunk to ns::X::f(int)", "ns::X::f(int)"),
    ],
)  # fmt: skip
def test_the_type_of_the_result_is_left_out(name: str, without: str) -> None:
    assert without_type(name) == without


@pytest.mark.parametrize(
    "name",
    [
        *("", "recv", "main.(*T).step", "operator new(unsigned long)"),
        "ns::X::operator bool() const",
        "shop::Sorter<unsigned int>::sort(std::vector<unsigned int>&)::{lambda()#1}::operator()()",
        "<std::os::unix::net::stream::UnixStream as std::io::Read>::read",
        "<fn(&u8) -> u32 as core::ops::function::FnOnce<(&u8,)>>::call_once",
        "LazyCompile:~f /srv/a (copy) b.js:2:16",
        "py::f:/srv/my (own).py",
        "void (*ns::f<int>(int))(char)",
    ],
)  # fmt: skip
def test_a_name_without_one_stays(name: str) -> None:
    assert without_type(name) == name
