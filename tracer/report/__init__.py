"""One format a file: they lay out what the analysis found and compute nothing."""
