"""Reports: they format what the analysis computed, and compute nothing themselves."""
