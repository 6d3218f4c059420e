"""Flame graphs of the critical path as trees: left heavy, and in order of time.

A node is [name, ns, part, children]: `name` and `part` are indices into the block's lists; `part`
is the one with most of the node's time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracer.analysis.where.pieces import Piece
from tracer.model.words import PART_LINES
from tracer.report.exports.frames import Naming
from tracer.report.html import blocks
from tracer.report.html.blocks import Block
from tracer.report.html.parts import NAMES, part_of
from tracer.units import counted, duration, percent

#: Nodes of a tree at most, and frames of a stack: of deeper ones the middle is left out.
_MOST_NODES, _DEEPEST = 12_000, 120
#: A stack that was on the path: its names from the root, the state, and ns.
Stack = tuple[Sequence[str], str, int]


@dataclass
class _Node:
    name: str
    ns: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    children: list[_Node] = field(default_factory=list)
    known: dict[str, _Node] = field(default_factory=dict)

    def child(self, name: str, in_order: bool) -> _Node:
        """The one of that name; in order of time only the last one can be it."""
        if in_order:
            if not self.children or self.children[-1].name != name:
                self.children.append(_Node(name))
            return self.children[-1]
        if name not in self.known:
            self.known[name] = _Node(name)
            self.children.append(self.known[name])
        return self.known[name]

    def add(self, part: str, ns: int) -> None:
        self.ns += ns
        self.parts[part] += ns


def flame(
    stacks: Sequence[Stack], *, note: str = "", in_time: bool = False, note_in_time: str = ""
) -> Block | None:
    """Both trees of stacks that are in order of time, or the left-heavy one alone."""
    names: dict[str, int] = {}
    trees = [_tree("left heavy", _built(stacks, in_order=False), names, note)]
    if in_time:
        trees.append(_tree("in order of time", _built(stacks, in_order=True), names, note_in_time))
    if not trees[0]["tree"][1]:
        return None
    return {
        "kind": "flame",
        "title": "",
        "names": list(names),
        "parts": list(NAMES),
        "labels": NAMES,
        "trees": trees,
    }


def of_pieces(pieces: Iterable[Piece]) -> list[Stack]:
    """The stacks of a profile's pieces, in their order; the last name is what was done."""
    naming = Naming(with_part=False)
    stacks: list[Stack] = []
    for piece in pieces:
        if piece.ns > 0:
            names = [frame.name for frame in naming.of(piece)]
            stacks.append(([*names, did_there(piece.part, piece.call)], piece.part, piece.ns))
    return stacks


def of_places(places: Iterable[Mapping[str, Any]]) -> list[Stack]:
    """The same of a document's places: the function, what it called, and what was done."""
    stacks: list[Stack] = []
    for row in places:
        call = row["calls"][0] if row["calls"] else None
        names = [row["function"], *([row["called"]] if row["called"] else [])]
        stacks.append(([*names, did_there(row["part"], call)], row["part"], row["time_ns"]))
    return stacks


def of_who(rows: Iterable[Mapping[str, Any]]) -> list[Stack]:
    """The same of who was on the path: the process, the threads, and what they did."""
    stacks: list[Stack] = []
    for row in rows:
        names = [*([row["process"]] if row["process"] else []), row["group"]]
        for one in row["doing"]:
            there = did_there(one["part"], one["call"])
            stacks.append(([*names, there], one["part"], one["time_ns"]))
    return stacks


def did_there(part: str, call: str | None) -> str:
    words = PART_LINES.get(part, part)
    return f"[{words}: {call}]" if call else f"[{words}]"


def _built(stacks: Sequence[Stack], *, in_order: bool) -> _Node:
    root = _Node("all")
    for names, state, ns in stacks:
        part, node = part_of(state), root
        root.add(part, ns)
        for name in _cut(names):
            node = node.child(name, in_order)
            node.add(part, ns)
    return root


def _cut(names: Sequence[str]) -> Sequence[str]:
    if len(names) <= _DEEPEST:
        return names
    half = _DEEPEST // 2
    left_out = f"({len(names) - 2 * half} frames left out)"
    return [*names[:half], left_out, *names[-half:]]


def _tree(label: str, root: _Node, names: dict[str, int], note: str) -> dict[str, Any]:
    """A tree whose smallest nodes are joined, until few enough are left; the note says so."""
    least_ns = 0
    while _count(root, least_ns) > _MOST_NODES:
        least_ns = max(2 * least_ns, root.ns // _MOST_NODES, 1)
    if least_ns:
        text = f"Frames of less than {duration(least_ns)} ({percent(least_ns / root.ns)}) side by"
        note = f"{note} {text} side are joined into one."
    return {"label": label, "note": note.strip(), "tree": _data(root, least_ns, names)}


def _count(node: _Node, least_ns: int) -> int:
    """Nodes that `_data` would make, an explicit stack because trees are deep."""
    number, todo = 0, [node]
    while todo:
        one = todo.pop()
        number += 1
        large = [child for child in one.children if child.ns >= least_ns]
        number += min(len(one.children) - len(large), len(large) + 1)
        todo += large
    return number


def _data(node: _Node, least_ns: int, names: dict[str, int]) -> list[Any]:
    children: list[list[Any]] = []
    small: list[_Node] = []

    def join() -> None:
        if small:
            only = len(small) == 1
            joined = _Node(small[0].name if only else f"({counted(len(small), 'frame')})")
            for one in small:
                joined.ns += one.ns
                joined.parts.update(one.parts)
            children.append(_row(joined, [], names))
            small.clear()

    for child in node.children:
        if child.ns < least_ns:
            small.append(child)
            continue
        join()
        children.append(_data(child, least_ns, names))
    join()
    return _row(node, children, names)


def _row(node: _Node, children: list[list[Any]], names: dict[str, int]) -> list[Any]:
    number = names.setdefault(blocks.name(node.name), len(names))
    part = max(node.parts, key=lambda one: node.parts[one], default="unknown")
    row = [number, node.ns, list(NAMES).index(part)]
    return [*row, children] if children else row


def self_times(stacks: Iterable[Stack]) -> list[tuple[str, int, int]]:
    """Of each function: its own time (it was the innermost), and all time with it on the stack."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for names, _state, ns in stacks:
        functions = names[:-1]
        if functions:
            own[functions[-1]] += ns
        for one in set(functions):
            total[one] += ns
    return [(one, own[one], ns) for one, ns in total.most_common()]


def did(doing: Mapping[str, Any]) -> str:
    """What a row of `who` did, as the last frame of its stack says it, without brackets."""
    return did_there(doing["part"], doing["call"])[1:-1]
