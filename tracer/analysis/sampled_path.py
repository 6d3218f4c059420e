"""The critical path, walked back through the nodes that probe stacks has made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tracer.model.path_nodes import Nodes, SampledPaths, keys_of


def walked(nodes: Nodes, last: int) -> tuple[Nodes, bool]:
    """The path that ends with the node of that number, in order of time; false where a node of
    it was lost, and with it all that lay before."""
    rows = list(_back(nodes, last))
    found = nodes[rows[::-1]]
    return found, int(found["parent"][0]) == 0 if len(found) else last == 0


def _back(nodes: Nodes, number: int) -> Iterator[int]:
    row_of = {number: row for row, number in enumerate(nodes["number"].tolist())}
    parents = nodes["parent"].tolist()
    while number in row_of:
        row = row_of[number]
        yield row
        if parents[row] >= number:  # a parent is older: this one was overwritten
            return
        number = parents[row]


def stacks_of(paths: SampledPaths, node: np.void) -> list[tuple[int, int]]:
    """The keys of the node's stacks in `paths.stacks`: of those that are there, of its thread."""
    slot = int(node["slot"])
    return [key for key in keys_of(node) if key in paths.stacks and paths.stacks[key].slot == slot]
