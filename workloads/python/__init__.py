"""Twins in Python of two native brigades, run by the interpreter that runs tracer.

Each has the same control protocol and sends the same result as its native twin.
"""
