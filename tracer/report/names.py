"""Names of functions that fit a table."""

from __future__ import annotations

_OPEN, _CLOSE = "<([{", ">)]}"


def short_name(name: str) -> str:
    """The last two parts of a name's path, without generics and arguments.

    `UnixStream::read` of `<std::os::unix::net::stream::UnixStream as std::io::Read>::read`,
    `http.(*conn).serve` of `net/http.(*conn).serve`; a name of another form is left as it is.
    """
    if "::" not in name:
        package = name.rpartition("/")[2]
        return package or name
    parts = _split(name)
    if parts and parts[0].startswith("<"):
        parts[:1] = _split(_type_of(parts[0]))
    parts = [plain for part in parts if (plain := _without_generics(part))]
    return "::".join(parts[-2:]) or name


def _split(name: str) -> list[str]:
    """The parts between `::` outside all brackets."""
    parts, depth, start = [], 0, 0
    for at, depth in _depths(name):
        if depth == 0 and name.startswith("::", at):
            parts.append(name[start:at])
            start = at + 2
    return [*parts, name[start:]]


def _type_of(part: str) -> str:
    """`T` of `<T as Trait>` and of `<T>`."""
    inside = part[1:-1] if part.endswith(">") else part[1:]
    end = next((at for at, deep in _depths(inside) if not deep and inside.startswith(" as ", at)),
               len(inside))  # fmt: skip
    return inside[:end].lstrip("&*").removeprefix("mut ").removeprefix("dyn ")


def _without_generics(part: str) -> str:
    """`Vec` of `Vec<T>`, `step` of `step(int)`; nothing of `<T>`."""
    if part.startswith(("operator", "(")):
        return part
    return part.partition("<")[0].partition("(")[0]


def _depths(text: str) -> list[tuple[int, int]]:
    """Of each character its place, and how many brackets are open there, itself not counted."""
    depth, found = 0, []
    for at, char in enumerate(text):
        is_arrow = char == ">" and text[at - 1 : at] == "-"
        if char in _CLOSE and not is_arrow:
            depth = max(depth - 1, 0)
        found.append((at, depth))
        if char in _OPEN:
            depth += 1
    return found
