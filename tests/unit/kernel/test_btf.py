"""The BTF reader against a hand-built file (exact numbers) and the running kernel's."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.kernel import btf
from tracer.kernel.btf import Btf


class Builder:
    """Writes BTF records and strings; ids count from 1."""

    def __init__(self) -> None:
        self.types, self.strings, self.count = b"", b"\0", 0

    def name(self, text: str) -> int:
        if not text:
            return 0
        offset = self.strings.find(b"\0" + text.encode() + b"\0") + 1
        if not offset:
            offset = len(self.strings)
            self.strings += text.encode() + b"\0"
        return offset

    def add(
        self, kind: int, name: str = "", word: int = 0, vlen: int = 0, flag: int = 0,
        tail: Sequence[int] = (),
    ) -> int:  # fmt: skip
        info = flag << 31 | kind << 24 | vlen
        self.types += struct.pack(f"={3 + len(tail)}I", self.name(name), info, word, *tail)
        self.count += 1
        return self.count

    def fields(self, kind: int, name: str, size: int, *members: tuple[str, int, int]) -> int:
        """A struct or union; a member is (name, type, offset word)."""
        flag = int(any(where >> 24 for _, _, where in members))
        tail = [word for n, t, where in members for word in (self.name(n), t, where)]
        return self.add(kind, name, size, len(members), flag, tail)

    def proto(self, result: int, *params: tuple[str, int]) -> int:
        tail = [word for name, type_id in params for word in (self.name(name), type_id)]
        return self.add(btf.FUNC_PROTO, "", result, len(params), 0, tail)

    def blob(self, version: int = 1, magic: int = 0xEB9F) -> bytes:
        lengths = (0, len(self.types), len(self.types), len(self.strings))
        return struct.pack("=HBBI4I", magic, version, 0, 24, *lengths) + self.types + self.strings


def sample() -> Builder:
    """A small kernel, every kind of record in it at least once."""
    b = Builder()
    integer = b.add(btf.INT, "int", 4, tail=[32])
    char = b.add(btf.INT, "char", 1, tail=[8])
    array = b.add(btf.ARRAY, tail=[char, integer, 16])
    inner = b.fields(btf.STRUCT, "", 8, ("x", integer, 0), ("y", integer, 32))
    union = b.fields(btf.UNION, "", 8, ("whole", integer, 0), ("", inner, 0))
    counter = b.add(btf.TYPEDEF, "atomic_t", b.fields(btf.STRUCT, "", 4, ("counter", integer, 0)))
    volatile = b.add(btf.CONST, "", b.add(btf.VOLATILE, "", counter))
    task = b.count + 2
    pointer = b.add(btf.PTR, "", task)
    members = (
        ("pid", integer, 0), ("comm", array, 32), ("", union, 160), ("parent", pointer, 256),
        ("live", volatile, 320), ("low", integer, 3 << 24 | 352), ("high", integer, 5 << 24 | 355),
    )  # fmt: skip
    assert b.fields(btf.STRUCT, "task", 48, *members) == task
    b.add(btf.STRUCT, "twice", 4)
    b.fields(btf.STRUCT, "twice", 4, ("only_here", integer, 0))
    b.add(btf.FWD, "opaque", flag=1)
    text = b.add(btf.PTR, "", b.add(btf.CONST, "", char))
    b.add(btf.RESTRICT, "", text)
    data = b.add(btf.PTR)
    tagged = b.add(btf.PTR, "", b.add(btf.TYPE_TAG, "user", task))
    bare = b.proto(0, ("", data), ("", pointer), ("", b.add(btf.CONST, "", text)))
    b.add(btf.TYPEDEF, "btf_trace_named", b.add(btf.PTR, "", bare))
    const_text = bare - 1
    named = b.proto(integer, ("__data", data), ("p", pointer), ("why", const_text))
    b.add(btf.FUNC, "__traceiter_named", named)
    callback = b.add(btf.PTR, "", b.proto(0, ("", tagged)))
    other = b.proto(0, ("", data), ("", integer), ("", callback))
    b.add(btf.TYPEDEF, "btf_trace_bare", b.add(btf.PTR, "", other))
    b.add(btf.FUNC, "__traceiter_bare", named)  # does not fit the typedef: to be ignored
    b.add(btf.VAR, "variable", integer, tail=[0])
    b.add(btf.DATASEC, "section", 4, 1, tail=[b.count, 0, 4])
    b.add(btf.FLOAT, "double", 8)
    b.add(btf.DECL_TAG, "tag", task, tail=[0xFFFFFFFF])
    b.add(btf.ENUM, "", 4, 2, tail=[b.name("FIRST"), 0, b.name("SECOND"), 7])
    b.add(btf.ENUM, "signed", 4, 1, 1, tail=[b.name("MINUS"), 0xFFFFFFFE])
    b.add(btf.ENUM64, "wide", 8, 1, tail=[b.name("WIDE"), 5, 1])
    b.add(btf.ENUM64, "below", 8, 1, 1, tail=[b.name("BELOW"), 0xFFFFFFFF, 0xFFFFFFFF])
    return b


@pytest.fixture(scope="module")
def small() -> Btf:
    return Btf(sample().blob())


@pytest.mark.parametrize(
    ("type_name", "path", "offset"),
    [
        ("task", "pid", 0),
        ("task", "comm", 4),
        ("task", "whole", 20),
        ("task", "x", 20),
        ("task", "y", 24),
        ("task", "parent", 32),
        ("task", "live", 40),
        ("task", "live.counter", 40),
        ("atomic_t", "counter", 0),
        ("twice", "only_here", 0),
    ],
)
def test_offsets(small: Btf, type_name: str, path: str, offset: int) -> None:
    assert small.has_member(type_name, path)
    assert small.offset_of(type_name, path) == offset


@pytest.mark.parametrize(
    ("type_name", "path"),
    [("task", "none"), ("none", "pid"), ("task", "pid.x"), ("task", "parent.pid"), ("task", ""),
     ("int", "pid"), ("task", "id"), ("", "pid")],
)  # fmt: skip
def test_absent_members(small: Btf, type_name: str, path: str) -> None:
    assert not small.has_member(type_name, path)
    assert small.find_member(type_name, path) is None
    with pytest.raises(TracerError, match="no member"):
        small.offset_of(type_name, path)


def test_bit_fields(small: Btf) -> None:
    member = small.find_member("task", "high")
    assert member is not None
    assert (member.bit_offset, member.bit_size) == (355, 5)
    for name in ("low", "high"):
        with pytest.raises(TracerError, match="bit field"):
            small.offset_of("task", name)


@pytest.mark.parametrize(
    ("enum", "name", "value"),
    [(None, "FIRST", 0), (None, "SECOND", 7), (None, "MINUS", -2), ("signed", "MINUS", -2),
     (None, "WIDE", (1 << 32) + 5), ("below", "BELOW", -1), ("signed", "FIRST", None),
     (None, "pid", None), (None, "absent", None), ("absent", "FIRST", None), (None, "", None)],
)  # fmt: skip
def test_enum_values(small: Btf, enum: str | None, name: str, value: int | None) -> None:
    assert small.enum_value(enum, name) == value


def test_tracepoints(small: Btf) -> None:
    assert small.tracepoints() == {"named", "bare"}
    assert small.tracepoint_args("named") == ["p", "why"]
    assert small.tracepoint_args("bare") == ["", ""]
    assert small.tracepoint_args("absent") is None


def test_malformed_files() -> None:
    good = sample()
    blob = good.blob()
    for bad in (b"", blob[:20], blob[:-1], good.blob(version=2), good.blob(magic=0x9FEB)):
        with pytest.raises(TracerError, match="malformed"):
            Btf(bad)
    for tail in (b"\0" * 8, struct.pack("=3I", 0, btf.STRUCT << 24 | 9, 4), b"\0" * 3):
        cut = sample()
        cut.types += tail
        with pytest.raises(TracerError, match="malformed"):
            Btf(cut.blob())
    good.add(99)
    with pytest.raises(TracerError, match="unknown kind 99"):
        Btf(good.blob())


def test_references_out_of_range() -> None:
    b = Builder()
    b.fields(btf.STRUCT, "broken", 4, ("far", 4000, 0))
    with pytest.raises(TracerError, match="no type 4000"):
        Btf(b.blob()).offset_of("broken", "far.away")


def test_load(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    with pytest.raises(TracerError) as caught:
        Btf.load(path)
    assert "CONFIG_DEBUG_INFO_BTF" in caught.value.hint
    path.write_bytes(sample().blob())
    assert Btf.load(path).offset_of("task", "comm") == 4
    with pytest.raises(TracerError, match="cannot read"):
        Btf.load(tmp_path)


@pytest.fixture(scope="module")
def kernel() -> Btf:
    if not os.access(btf.VMLINUX, os.R_OK):
        pytest.skip("this kernel has no type information")
    return Btf.load()


def test_task_struct_of_this_kernel(kernel: Btf) -> None:
    task = "task_struct"
    assert kernel.offset_of(task, "tgid") == kernel.offset_of(task, "pid") + 4
    state = "__state" if kernel.has_member(task, "__state") else "state"  # renamed in 5.14
    ends = [kernel.offset_of(task, m) for m in (state, "flags", "pid", "signal", "comm")]
    assert min(ends) > 0
    assert len(set(ends)) == len(ends)
    assert kernel.has_member("signal_struct", "live.counter")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="registers of x86_64")
def test_registers_are_where_the_abi_has_them(kernel: Btf) -> None:
    # arch/x86/include/uapi/asm/ptrace.h: 8-byte slots, in this order.
    order = "r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip"
    offsets = [kernel.offset_of("pt_regs", name) for name in order.split()]
    assert offsets == list(range(0, 136, 8))


def test_tracepoints_of_this_kernel(kernel: Btf) -> None:
    release = tuple(int(part) for part in os.uname().release.split(".")[:2])
    assert {"sched_switch", "sched_waking", "sys_enter"} <= kernel.tracepoints()
    switch = kernel.tracepoint_args("sched_switch")
    waking = kernel.tracepoint_args("sched_waking")
    assert switch is not None and waking is not None
    assert len(waking) == 1
    assert switch[:3] == ["preempt", "prev", "next"]
    if release >= (5, 19):
        assert switch == ["preempt", "prev", "next", "prev_state"]


def test_every_tracepoint_of_this_kernel_decodes(kernel: Btf) -> None:
    for name in kernel.tracepoints():
        args = kernel.tracepoint_args(name)
        assert args is not None, name


def test_enumerators_of_this_kernel(kernel: Btf) -> None:
    # include/linux/interrupt.h; an anonymous enum, so found through its enumerator.
    assert kernel.enum_value(None, "TIMER_SOFTIRQ") == 1
    assert kernel.enum_value("hrtimer_restart", "HRTIMER_RESTART") == 1
