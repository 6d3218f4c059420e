"""One question a file: pure functions on a Recording."""
