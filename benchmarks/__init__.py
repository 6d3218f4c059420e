"""What tracer costs, and how its workloads compare with the published ones.

Figures are printed and written to files, never asserted.

`python -m benchmarks` as root, or `make bench`. Reading guide: docs/overhead.md.
"""
