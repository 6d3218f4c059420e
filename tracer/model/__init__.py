"""Words and plain records, which every other room uses."""
