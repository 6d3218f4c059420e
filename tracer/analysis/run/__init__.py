"""One run: ledgers, counts, summary, document."""
