"""The brigades once more, in Python alone: run by the interpreter that runs tracer.

Each speaks the same control protocol and hands over the same result as its native twin.
"""
