"""Intervals, modes, lines through points."""
