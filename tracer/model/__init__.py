"""Words and plain records: needs nothing but errors."""
