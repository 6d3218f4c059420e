"""Which nodes of sampled paths are kept: trees made at random, against every path in them."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from tracer.analysis.sampled_path import walked
from tracer.kernel.path_store import coarsened, needed

DTYPE = np.dtype(
    [("number", "u4"), ("parent", "u4"), ("at_ns", "u8"), ("points", "u4"), ("part", "u4")]
)
START, GRID = 1000, 10


def tree(seed: int, size: int = 400):
    """Nodes as threads make them: each goes on from the end of some path."""
    rng = random.Random(seed)
    rows = [(0, 0, START, 0, 0)]
    ends = [0]
    for number in range(1, size + 1):
        parent = rng.choice(ends[-8:])
        points = rng.choice((1, 1, 1, 2, 7))
        rows.append((number, parent, rows[parent][2] + GRID * points, points, rng.randrange(4)))
        ends.append(number)
    return np.array(rows[1:], DTYPE), ends[-8:]


def points_of(nodes, last: int) -> list[tuple[int, int]]:
    """Each point of a path and its part, spread out."""
    found, is_whole = walked(nodes, last)
    assert is_whole
    return [
        (int(node["at_ns"]) - GRID * i, int(node["part"]))
        for node in found[::-1]
        for i in range(int(node["points"]))
    ][::-1]


@pytest.mark.parametrize("seed", range(5))
def test_all_paths_and_new_nodes_stay_and_nothing_else(seed: int) -> None:
    nodes, ends = tree(seed)
    kept = nodes[needed(nodes, ends, 390)]
    wanted = {int(n) for end in (*ends, *range(391, 401)) for n in walked(nodes, end)[0]["number"]}
    assert set(kept["number"].tolist()) == wanted
    assert len(wanted) < len(nodes)


@pytest.mark.parametrize("seed", range(5))
def test_a_coarser_grid_has_every_other_point_of_each_path(seed: int) -> None:
    nodes, ends = tree(seed)
    found = coarsened(nodes, GRID, START, ends, 400)
    assert len(found) < len(nodes)
    for end in ends:
        before = points_of(nodes, end)
        after, is_whole = walked(found, end)
        assert is_whole
        expected = Counter(part for at, part in before if (at - START) // GRID % 2 == 0)
        points: Counter[int] = Counter()
        for node in after:
            points[int(node["part"])] += int(node["points"])
        assert +points == expected


def test_a_path_with_a_lost_node_ends_there() -> None:
    nodes, ends = tree(0)
    path, _whole = walked(nodes, ends[-1])
    lost = int(path["number"][len(path) // 2])
    after, is_whole = walked(nodes[nodes["number"] != lost], ends[-1])
    assert not is_whole
    assert after["number"].tolist() == path["number"][len(path) // 2 + 1 :].tolist()
