"""Placements on made-up machines, written down as sysfs shows them."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

from tracer.experiment.placements import Placement, placements, rungs
from tracer.host.cpus import read_cpus


def sysfs(base: Path, cpus: list[tuple[str, str, str, int]]) -> Path:
    """CPUs as (siblings, CPUs of the last-level cache, node, capacity)."""
    for number, (siblings, cache, node, capacity) in enumerate(cpus):
        cpu = base / f"cpu{number}"
        for index, level, shared in ((0, "1", siblings), (2, "2", siblings), (3, "3", cache)):
            where = cpu / "cache" / f"index{index}"
            where.mkdir(parents=True)
            (where / "level").write_text(level + "\n")
            (where / "shared_cpu_list").write_text(shared + "\n")
        (cpu / "topology").mkdir()
        (cpu / "topology" / "thread_siblings_list").write_text(siblings + "\n")
        (cpu / node).mkdir()
        if capacity:
            (cpu / "cpu_capacity").write_text(f"{capacity}\n")
    return base


def by_name(base: Path, cpus: list[tuple[str, str, str, int]], allowed: set[int] | None = None
          ) -> dict[str, Placement]:  # fmt: skip
    found = placements(read_cpus(allowed or range(len(cpus)), sysfs(base, cpus)))
    assert all(bool(placement.cpus) != bool(placement.why_not) for placement in found)
    return {placement.name: placement for placement in found}


def placed(found: dict[str, Placement]) -> dict[str, tuple[int, ...]]:
    return {name: placement.cpus for name, placement in found.items() if placement.cpus}


TWO_CORES_SMT = [("0-1", "0-3", "node0", 0)] * 2 + [("2-3", "0-3", "node0", 0)] * 2


def test_two_cores_with_two_threads_each(tmp_path: Path) -> None:
    found = by_name(tmp_path, TWO_CORES_SMT)
    assert placed(found) == {
        "one CPU": (3,),
        "SMT siblings": (0, 1),
        "two CPUs of one last-level cache": (0, 2),
    }
    assert found["two nodes"].why_not == "all CPUs that may be used here are of one node"


def test_only_the_allowed_cpus_count(tmp_path: Path) -> None:
    found = by_name(tmp_path, TWO_CORES_SMT, {0, 2, 3})
    assert placed(found)["SMT siblings"] == (2, 3)
    found = by_name(tmp_path / "b", TWO_CORES_SMT, {1, 2})
    assert placed(found) == {"one CPU": (2,)}
    assert "no other CPUs may be used" in found["two CPUs of one last-level cache"].why_not


def test_two_last_level_caches_of_one_node(tmp_path: Path) -> None:
    cpus = [(str(n), "0-1" if n < 2 else "2-3", "node0", 0) for n in range(4)]
    assert placed(by_name(tmp_path, cpus)) == {
        "one CPU": (3,),
        "two CPUs of one last-level cache": (0, 1),
        "two last-level caches": (0, 2),
    }


def test_two_nodes_are_not_two_caches_of_one(tmp_path: Path) -> None:
    cpus = [(str(n), "0-1" if n < 2 else "2-3", f"node{n // 2}", 0) for n in range(4)]
    found = by_name(tmp_path, cpus)
    assert placed(found)["two nodes"] == (0, 2)
    assert (
        found["two last-level caches"].why_not
        == "no node has two last-level caches that may be used here"
    )


def test_two_sockets_of_one_node_each_with_two_threads_a_core(tmp_path: Path) -> None:
    cpus = [(f"{n // 2 * 2}-{n // 2 * 2 + 1}", f"{n // 4 * 4}-{n // 4 * 4 + 3}", f"node{n // 4}", 0)
            for n in range(8)]  # fmt: skip
    found = by_name(tmp_path, cpus)
    assert placed(found) == {
        "one CPU": (7,),
        "SMT siblings": (0, 1),
        "two CPUs of one last-level cache": (0, 2),
        "two nodes": (0, 4),
    }
    assert "share one" not in "".join(placement.why_not for placement in found.values())


def test_two_sockets_of_one_cpu_each(tmp_path: Path) -> None:
    found = by_name(tmp_path, [(str(n), str(n), f"node{n}", 0) for n in range(2)])
    assert placed(found) == {"one CPU": (1,)}
    assert found["two nodes"].why_not == "the same as free to move: no other CPUs may be used here"
    assert "no two cores" in found["two CPUs of one last-level cache"].why_not
    assert "share one" not in found["two last-level caches"].why_not


def test_what_is_said_is_of_the_cpus_that_may_be_used(tmp_path: Path) -> None:
    """Two sockets of two cores with two hardware threads; a first thread of each core of the second
    socket is left (taskset, cpuset, isolcpus)."""
    cpus = [(f"{n // 2 * 2}-{n // 2 * 2 + 1}", f"{n // 4 * 4}-{n // 4 * 4 + 3}", f"node{n // 4}", 0)
            for n in range(8)]  # fmt: skip
    found = by_name(tmp_path, cpus, {4, 6})
    assert placed(found) == {"one CPU": (6,)}
    for placement in found.values():
        assert placement.cpus or "may be used here" in placement.why_not, placement


def test_one_cache_for_all_is_said_where_it_is_true(tmp_path: Path) -> None:
    found = by_name(tmp_path, TWO_CORES_SMT)
    assert (
        found["two last-level caches"].why_not
        == "all CPUs that may be used here share one last-level cache"
    )


def test_caches_that_the_kernel_does_not_tell_are_not_shared(tmp_path: Path) -> None:
    base = sysfs(tmp_path, [(str(n), "0-3", "node0", 0) for n in range(4)])
    for cpu in base.iterdir():
        shutil.rmtree(cpu / "cache")
    found = {one.name: one for one in placements(read_cpus(range(4), base))}
    for name in ("two CPUs of one last-level cache", "two last-level caches"):
        assert found[name].why_not == "the kernel does not say which CPUs here share a cache"


def test_performance_and_efficiency_cores(tmp_path: Path) -> None:
    cpus = [(str(n), "0-5", "node0", 1024 if n < 2 else 980 if n < 4 else 446) for n in range(6)]
    found = placed(by_name(tmp_path, cpus))
    assert found["performance cores"] == (0, 1, 2, 3)
    assert found["efficiency cores"] == (4, 5)
    assert found["one CPU"] == (3,), "a slow core would mix its speed into what pinning does"


def test_two_cpus_of_one_kind_leave_only_one_cpu(tmp_path: Path) -> None:
    found = by_name(tmp_path, [(str(n), "0-1", "node0", 0) for n in range(2)])
    assert placed(found) == {"one CPU": (1,)}
    assert found["efficiency cores"].why_not == "all cores that may be used here are of one kind"


def test_a_host_that_tells_nothing(tmp_path: Path) -> None:
    found = {placement.name: placement for placement in placements(read_cpus({0, 1, 2}, tmp_path))}
    assert placed(found)["one CPU"] == (2,)
    assert not found["SMT siblings"].cpus and not found["two nodes"].cpus


# ---- numbers of CPUs ----


def by_count(base: Path, cpus: list[tuple[str, str, str, int]], allowed: set[int] | None = None
             ) -> dict[str, tuple[int, ...]]:  # fmt: skip
    known = read_cpus(allowed or range(len(cpus)), sysfs(base, cpus))
    found = {rung.name: rung.cpus for rung in rungs(known)}
    (pinned,) = (p.cpus for p in placements(known) if p.name == "one CPU")
    nested = [set(pinned), *map(set, found.values())]
    assert all(less < more for less, more in itertools.pairwise(nested))
    return found


def test_sixteen_cpus_have_rungs_of_2_4_and_8(tmp_path: Path) -> None:
    """Two nodes, a last-level cache for each four CPUs: the near ones come first."""
    cpus = [
        (str(n), f"{n // 4 * 4}-{n // 4 * 4 + 3}", f"node{n // 8}", 0) for n in range(16)
    ]  # fmt: skip
    assert by_count(tmp_path, cpus) == {
        "2 CPUs": (14, 15),
        "4 CPUs": (12, 13, 14, 15),
        "8 CPUs": tuple(range(8, 16)),
    }


def test_cores_come_before_their_second_hardware_threads(tmp_path: Path) -> None:
    """16 hardware threads of 8 cores, numbered as Linux does: n and n + 8 are of one core."""
    cpus = [(f"{n % 8},{n % 8 + 8}", "0-15", "node0", 0) for n in range(16)]
    assert by_count(tmp_path, cpus) == {
        "2 CPUs": (14, 15),
        "4 CPUs": (12, 13, 14, 15),
        "8 CPUs": tuple(range(8, 16)),
    }


def test_a_cache_is_filled_before_the_next_one(tmp_path: Path) -> None:
    """Two caches of two cores with two hardware threads each."""
    cpus = [(f"{n // 2 * 2}-{n // 2 * 2 + 1}", f"{n // 4 * 4}-{n // 4 * 4 + 3}", "node0", 0)
            for n in range(8)]  # fmt: skip
    assert by_count(tmp_path, cpus) == {"2 CPUs": (5, 7), "4 CPUs": (4, 5, 6, 7)}


def test_slow_cores_come_last(tmp_path: Path) -> None:
    cpus = [(str(n), "0-5", "node0", 1024 if n < 4 else 446) for n in range(6)]
    assert by_count(tmp_path, cpus) == {"2 CPUs": (2, 3), "4 CPUs": (0, 1, 2, 3)}


def test_one_and_all_cpus_are_no_rungs_of_their_own(tmp_path: Path) -> None:
    same = [(str(n), "0-7", "node0", 0) for n in range(8)]
    assert by_count(tmp_path / "2", same[:2]) == {}
    assert by_count(tmp_path / "3", same[:3]) == {"2 CPUs": (1, 2)}
    assert by_count(tmp_path / "4", same[:4]) == {"2 CPUs": (2, 3)}
    assert list(by_count(tmp_path / "8", same)) == ["2 CPUs", "4 CPUs"]
    assert by_count(tmp_path / "allowed", same, {1, 4, 6}) == {"2 CPUs": (4, 6)}
