"""An eBPF tracing profiler: where did the time go, I/O or switching, and why.

From Python: `with tracer.trace() as t: ...`, `tracer.load(FILE)`; docs/python.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer.api.report import Report as Report
    from tracer.api.saved import Recording as Recording
    from tracer.api.saved import load as load
    from tracer.api.saved import load_windows as load_windows
    from tracer.api.tracing import Trace as Trace
    from tracer.api.tracing import trace as trace
    from tracer.errors import CannotTraceError as CannotTraceError
    from tracer.errors import TracerError as TracerError

__version__ = "0.1.0"

#: What is imported when it is asked for: the command line needs none of it.
_ON_DEMAND = {
    "CannotTraceError": "tracer.errors",
    "Recording": "tracer.api.saved",
    "Report": "tracer.api.report",
    "Trace": "tracer.api.tracing",
    "TracerError": "tracer.errors",
    "load": "tracer.api.saved",
    "load_windows": "tracer.api.saved",
    "trace": "tracer.api.tracing",
}
__all__ = ["__version__", *_ON_DEMAND]


def __getattr__(name: str) -> Any:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    found = globals()[name] = getattr(importlib.import_module(_ON_DEMAND[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
