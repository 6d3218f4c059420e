"""Measurements as plain specs, and the one executor that runs them one after another.

`condition`  what is run: a workload with values, a placement, an intervention;
`runner`     runs one trial and notes what the host did meanwhile;
`blocks`     every condition once per block, in random order, saved as they end;
`store`      the saved blocks, so that a broken-off experiment goes on.
"""
