"""What a workload needs: the signal stack that the auxiliary vector asks for, sums of parts."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from workloads import PROGRAM, THREADS, Needs, available
from workloads._needs import signal_stack_bytes

KIB = 1024
AT_NULL, AT_PAGESZ, AT_MINSIGSTKSZ = 0, 6, 51


def auxv(path: Path, *pairs: tuple[int, int]) -> Path:
    """An auxiliary vector as the kernel writes it: 64-bit pairs, a null pair at the end."""
    path.write_bytes(b"".join(struct.pack("=QQ", *pair) for pair in (*pairs, (AT_NULL, 0))))
    return path


@pytest.mark.parametrize(
    ("least", "expected"),
    [
        (1776, 8 * KIB),  # AVX2
        (3632, 8 * KIB),  # AVX-512
        (8192, 8 * KIB),
        (8193, 12 * KIB),
        (11952, 12 * KIB),  # AMX: 8 KiB of tiles
    ],
)
def test_the_signal_stack_holds_the_registers_in_whole_pages(
    tmp_path: Path, least: int, expected: int
) -> None:
    vector = auxv(tmp_path / "auxv", (AT_PAGESZ, 4096), (AT_MINSIGSTKSZ, least))
    assert signal_stack_bytes(vector) == expected


def test_without_that_entry_it_is_8_kib(tmp_path: Path) -> None:
    assert signal_stack_bytes(auxv(tmp_path / "auxv", (AT_PAGESZ, 4096))) == 8 * KIB
    assert signal_stack_bytes(tmp_path / "missing") == 8 * KIB
    (tmp_path / "short").write_bytes(b"\x33" + bytes(14))
    assert signal_stack_bytes(tmp_path / "short") == 8 * KIB


def test_bytes_in_the_order_of_a_little_endian_machine(tmp_path: Path) -> None:
    path = tmp_path / "auxv"
    path.write_bytes(bytes.fromhex("3300000000000000 b02e000000000000") + bytes(16))
    assert signal_stack_bytes(path) == 12 * KIB


def test_parts_add_up_by_resource() -> None:
    total = PROGRAM + Needs(descriptors=(2, 3), memory_bytes=(10, 0))
    assert total.descriptors == (2, 7) and total.threads == (0, 1)
    assert total.memory_bytes == (10, 1 << 20)


def test_a_ring_for_each_thread_needs_threads_and_one_ring_does_not() -> None:
    workload = available()["uring-brigade"]
    values = {option.name: option.default for option in workload.options}
    needs = {mode: workload.needs({**values, "mode": mode}) for mode in ("per-thread", "per-hop",
                                                                         "chain")}  # fmt: skip
    assert needs["per-thread"].threads == (1, 1)
    assert needs["per-hop"].threads == needs["chain"].threads == (0, 1)
    assert needs["per-thread"].memory_bytes[0] > THREADS.memory_bytes[0]
