"""What tracer costs, and what its workloads are worth: printed and written, never asserted.

`python -m benchmarks` as root, or `make bench`. Reading guide: docs/overhead.md.
"""
