"""Which nodes of the sampled paths are kept: pure functions on `struct path_node`."""

from __future__ import annotations

from array import array
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from tracer.model.path_nodes import Nodes


def needed(nodes: Nodes, ends: Collection[int], newer_than: int) -> NDArray[np.bool_]:
    """Which nodes are on a path that ends in one of `ends`, or in one made after `newer_than`."""
    numbers = np.ascontiguousarray(nodes["number"])
    found = (numbers > newer_than) | np.isin(numbers, list(ends))
    places = np.searchsorted(numbers, nodes["parent"])
    places[places == len(nodes)] = 0
    places[numbers[places] != nodes["parent"]] = -1  # it is gone, or the path begins here
    # not as lists: an object for each of 262,144 nodes takes 16 MB, and leaves gaps
    is_found, parents = bytearray(found.tobytes()), array("q", places.tobytes())
    for row in range(len(nodes) - 1, -1, -1):  # a parent is older than its child
        if is_found[row] and parents[row] >= 0:
            is_found[parents[row]] = True
    return np.frombuffer(is_found, bool)


def coarsened(
    nodes: Nodes, grid_ns: int, start_ns: int, ends: Collection[int], newer_than: int
) -> Nodes:
    """The same paths, sampled at every other point of the grid.

    Nodes that hold none of these points go, but for `ends` and for those made after `newer_than`,
    which may be somebody's parent.
    """
    last = (nodes["at_ns"].astype(np.int64) - start_ns) // grid_ns
    points = last // 2 - (last - nodes["points"].astype(np.int64)) // 2
    stay = (points > 0) | (nodes["number"] > newer_than) | np.isin(nodes["number"], list(ends))
    kept = nodes.copy()
    kept["points"] = np.maximum(points, 0)
    instead: dict[int, int] = {}
    numbers, parents = nodes["number"].tolist(), nodes["parent"].tolist()
    for row, stays in enumerate(stay.tolist()):
        parent = instead.get(parents[row], parents[row])
        if stays:
            kept["parent"][row] = parent
        else:
            instead[numbers[row]] = parent
    return kept[stay]
