"""tracer from Python: trace a block of code, read saved reports, test with budgets.

`tracing`        `tracer.trace`: a block of this process, another process, or one function;
`helper`         the process that does the tracing, seen from the traced one;
`serve`          the same process from inside;
`channel`        what the two say to each other;
`report`         a report as objects, and `objects` what these are;
`table`          its tables for pandas, pyarrow and notebooks;
`saved`          `tracer.load`: reports and recordings from files;
`pytest_plugin`  the fixture `traced` and the marker `tracer`.

Importing this room is quick: numpy and what needs it are imported by what is called.
"""
