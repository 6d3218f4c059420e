"""Names of functions that fit a table."""

from __future__ import annotations

import re

from tracer.analysis.where.function_names import depths

#: An operator of C++, its arguments behind it; the number of a lambda.
_OPERATOR = re.compile(r"operator(?:\(\)|[^(]*)")
_LAMBDA = re.compile(r"\{lambda\(.*\)(#\d+)\}")


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
    if parts[-1:] == ["operator()"] and parts[-2:-1] and parts[-2].startswith("{lambda"):
        parts.pop()
    return "::".join(parts[-2:]) or name


def _split(name: str) -> list[str]:
    """The parts between `::` outside all brackets."""
    parts, depth, start = [], 0, 0
    for at, depth in depths(name):
        if depth == 0 and name.startswith("::", at):
            parts.append(name[start:at])
            start = at + 2
    return [*parts, name[start:]]


def _type_of(part: str) -> str:
    """`T` of `<T as Trait>` and of `<T>`."""
    inside = part[1:-1] if part.endswith(">") else part[1:]
    end = next((at for at, deep in depths(inside) if not deep and inside.startswith(" as ", at)),
               len(inside))  # fmt: skip
    return inside[:end].lstrip("&*").removeprefix("mut ").removeprefix("dyn ")


def _without_generics(part: str) -> str:
    """`Vec` of `Vec<T>`, `step` of `step(int)`; nothing of `<T>`."""
    if part.startswith("("):
        return part
    if operator := _OPERATOR.match(part):
        return operator[0].rstrip()
    if lambda_ := _LAMBDA.match(part):
        return f"{{lambda{lambda_[1]}}}"
    return part.partition("<")[0].partition("(")[0]
