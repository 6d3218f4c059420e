"""The kernel side: type information, compilation, the engine, and the C of the state machine."""
