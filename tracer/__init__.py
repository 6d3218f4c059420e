"""An eBPF tracing profiler: where did the time go, I/O or switching, and why."""

__version__ = "0.1.0"
