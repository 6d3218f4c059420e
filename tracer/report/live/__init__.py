"""The live view of `tracer top`: a program of its own that shows what it is sent."""
