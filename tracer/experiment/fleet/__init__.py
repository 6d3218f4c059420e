"""The same experiment on many hosts: Dask distributed carries the questions and the outcomes."""
