"""One traced run of each kind of target, as a Recording."""
