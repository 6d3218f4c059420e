"""What is measured: plain specs, and one executor that runs them one after another.

`one`           a single measurement: of a workload, of a command, of running processes;
`compare` ...   a file for each question, of the same name in cli, analysis and report;
`condition`     what is run: a workload with values, a placement, an intervention;
`line`          a condition from one quoted line;
`design`        every condition once per block, in random order;
`trials`        runs the trials of an experiment, saves each, continues a broken-off one;
`runner`        runs one trial and notes what the host did meanwhile;
`holder`        the same for memory: a workload paused at its full size;
`store`         the saved outcomes.
"""
