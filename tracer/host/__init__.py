"""This machine: its CPUs, processes, control groups, limits, load and users. Reads only."""
