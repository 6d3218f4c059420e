"""Records of what processes map: their bytes by hand, across CPUs."""

from __future__ import annotations

import struct

from tracer.kernel.perf import MappingLog
from tracer.model.mappings import Area

COMM, EXIT, FORK, MMAP2, LOST = 3, 4, 7, 10, 2
EXEC = 1 << 13
PROGRAM = Area(0x1000, 0x3000, 0x2000, "/bin/a name", (8, 1), 11)


def record(kind: int, at_ns: int, body: bytes, flags: int = 0) -> bytes:
    body += b"\0" * (-len(body) % 8) + struct.pack("=Q", at_ns)
    return struct.pack("=I2H", kind, flags, 8 + len(body)) + body


def mapped(at_ns: int, pid: int, area: Area, path: bytes | None = None) -> bytes:
    head = struct.pack("=2I3Q2I2Q2I", pid, pid, area.start, area.end - area.start, area.offset,
                       *area.device, area.inode, 0, 3 | 4 * area.executable,
                       1 if area.shared else 2)  # fmt: skip
    return record(MMAP2, at_ns, head + (area.path.encode() if path is None else path) + b"\0")


def forked(at_ns: int, pid: int, parent: int, tid: int = 0, kind: int = FORK) -> bytes:
    return record(kind, at_ns, struct.pack("=4IQ", pid, parent, tid or pid, parent, at_ns))


def execed(at_ns: int, pid: int, flags: int = EXEC) -> bytes:
    return record(COMM, at_ns, struct.pack("=2I", pid, pid) + b"sh\0", flags)


class Ring:
    """What one CPU's ring gives, one piece a time."""

    fd = -1

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.takes = 0

    def take(self) -> bytes:
        self.takes += 1
        return self.pieces.pop(0) if self.pieces else b""

    def close(self) -> None:
        pass


def log_of(
    *rings: Ring, wanted: frozenset[int] = frozenset(), named: frozenset[int] = frozenset()
) -> MappingLog:
    log = MappingLog(lambda: set(wanted), lambda: set(named))
    log._rings[:] = rings  # type: ignore[list-item]
    return log


def found(log: MappingLog, pid: int, address: int, at_ns: int) -> Area | None:
    space = log.spaces().of(pid, at_ns)
    return space.find(address, at_ns) if space else None


def test_a_mapping_as_the_kernel_writes_it() -> None:
    shared = Area(0x7000, 0x8000, 0, "/dev/zero (deleted)", (0, 1), 99, shared=True)
    memory = Area(0x9000, 0xA000, 0x9000, "")
    code = Area(0xB000, 0xC000, 0x1000, "/lib/code.so", (8, 1), 12, executable=True)
    data = mapped(10, 7, PROGRAM) + mapped(11, 7, shared) + mapped(12, 7, memory, b"//anon")
    data += mapped(13, 7, code)
    log = log_of(Ring(data))
    assert found(log, 7, 0x2FFF, 20) == PROGRAM
    assert found(log, 7, 0x7000, 20) == shared
    assert found(log, 7, 0x9000, 20) == memory
    assert found(log, 7, 0xB000, 20) == code
    assert found(log, 7, 0x9000, 11) is None
    assert log.spaces().missing == ""


def test_what_cpus_wrote_is_read_in_order_of_time() -> None:
    """Forked on one CPU, execs and maps on another, whose ring is read first."""
    child = mapped(30, 8, PROGRAM) + execed(25, 8)
    log = log_of(Ring(child), Ring(mapped(10, 7, PROGRAM) + forked(20, 8, 7)))
    assert found(log, 8, 0x1000, 24) == PROGRAM
    assert found(log, 8, 0x1000, 27) is None
    assert found(log, 8, 0x1000, 31) == PROGRAM


def test_a_record_later_than_the_reading_waits_for_the_next() -> None:
    """The kernel wrote it after the other rings were read: what came before it may be there."""
    later = 1 << 62
    log = log_of(Ring(mapped(10, 7, PROGRAM) + mapped(later, 8, PROGRAM)))
    assert found(log, 7, 0x1000, 20) == PROGRAM
    assert log.spaces().of(8, later) is None
    log._rings.clear()  # stopped: nothing more can come
    assert found(log, 8, 0x1000, later) == PROGRAM


def test_threads_and_names_change_no_space() -> None:
    data = mapped(10, 7, PROGRAM) + forked(20, 7, 7, tid=70) + execed(30, 7, flags=0)
    log = log_of(Ring(data + forked(40, 7, 1, tid=70, kind=EXIT)))
    log.spaces().forget(())
    assert found(log, 7, 0x1000, 50) == PROGRAM


def test_nothing_is_kept_of_threads_that_come_and_go() -> None:
    """The last record waits for the next reading, and so would all of them."""
    one = forked(1 << 60, 7, 7, tid=8) + forked(1 << 60, 7, 7, tid=8, kind=EXIT)
    log = log_of(Ring((one + execed(1 << 60, 7, flags=0)) * 100 + forked(1 << 60, 9, 7)))
    log.spaces()
    assert len(log._records) == 1


def test_the_end_of_a_process() -> None:
    log = log_of(Ring(mapped(10, 7, PROGRAM) + forked(40, 7, 1, kind=EXIT)))
    assert found(log, 7, 0x1000, 50) == PROGRAM
    log.spaces().forget(())
    assert found(log, 7, 0x1000, 50) is None


def test_processes_that_have_ended_are_forgotten_however_often_spaces_are_asked_for() -> None:
    """Between two windows too little is recorded for the ring to be emptied by itself."""
    pieces = [
        mapped(10 * pid, pid, PROGRAM) + forked(10 * pid + 1, pid, 1, kind=EXIT)
        for pid in range(100, 5100)
    ]
    log = log_of(Ring(*pieces), wanted=frozenset({150}))
    kept = [log.spaces().ended_count for _ in pieces]
    assert max(kept) <= 1024 + 2
    assert found(log, 150, 0x1000, 99_999) == PROGRAM
    assert found(log, 160, 0x1000, 99_999) is None


def test_lost_records_are_told() -> None:
    log = log_of(Ring(record(LOST, 10, struct.pack("=2Q", 1, 5))))
    assert "lost" in log.spaces().missing


def test_a_ring_is_looked_at_while_many_records_are_entered() -> None:
    """It would be full before thousands of them are."""
    many = b"".join(mapped(at, 7, PROGRAM) for at in range(10, 10_010))
    ring = Ring(many, mapped(20_000, 8, PROGRAM))
    log = log_of(ring)
    log.spaces()
    assert ring.takes >= 10 and found(log, 8, 0x1000, 30_000) == PROGRAM


def test_what_ended_before_the_window_is_not_kept_for_its_name() -> None:
    pieces = [
        mapped(10 * pid, pid, PROGRAM) + forked(10 * pid + 1, pid, 1, kind=EXIT)
        for pid in range(100, 5100)
    ]
    ring = Ring(*pieces[:2500])
    log = log_of(ring, wanted=frozenset({150}), named=frozenset(range(100, 5100)))
    for _piece in pieces[:2500]:
        log.spaces()
    assert log.spaces().ended_count == 2500, "there is one window, and all of them ended in it"
    log.window_ns = 10 * 4000
    ring.pieces += pieces[2500:]
    for _piece in pieces[2500:]:
        log.spaces()
    log._forget()
    assert log.spaces().ended_count == 1 + 1100
    at = [found(log, pid, 0x1000, 99_999) is not None for pid in (150, 160, 3999, 4000, 5099)]
    assert at == [True, False, False, True, True]
