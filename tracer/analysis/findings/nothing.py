"""Nothing holds the program back: it computes, and the next step is a profile by place."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import (
    Document,
    all_threads_ns,
    on_path_ns,
    profile,
    rounded,
    share,
    window_ns,
)
from tracer.model.states import ON_CPU_PARTS, USER

NAME = "Nothing to find"
ALONE = True
#: Own code has this share of the path at least, the kernel at most this one of that.
LEAST_USER, MOST_KERNEL = 0.8, 0.2


def _cpus(document: Document) -> float:
    return all_threads_ns(document, *ON_CPU_PARTS) / window_ns(document)


DERIVED = {"CPUs in use": _cpus}


def find(document: Document) -> Finding | None:
    if document["light"]:
        return None
    user_ns = on_path_ns(document, USER)
    kernel_ns = document["kernel_time"]["on_path_ns"] or 0
    if share(document, user_ns) < LEAST_USER or kernel_ns > MOST_KERNEL * user_ns:
        return None
    cpus = f"{_cpus(document):.1f} CPU{'' if round(_cpus(document), 1) == 1 else 's'}"
    return finding(
        __name__,
        share(document, user_ns),
        "nothing holds it back: it computes in its own code for"
        f" {rounded(share(document, user_ns))} of the time, on {cpus}",
        "a profile says which function",
        profile(document),
    )
