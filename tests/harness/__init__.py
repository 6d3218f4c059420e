"""The kernel's state machine in user space: the same C, driven by hand-written events."""
