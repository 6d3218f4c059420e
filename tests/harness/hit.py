"""Run in a process whose limits were lowered: the predicted size, and one that is too large.

`python hit.py WORKLOAD [UID]` prints JSON: the limit that binds, the size it allows, whether that
size and the larger one ran. The workload's message for the larger one is on standard error.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tracer.capture.workload import run_untraced
from tracer.errors import TracerError
from tracer.host import limits
from tracer.model.spec import Spec
from workloads import available


def main() -> None:
    workload = available()[sys.argv[1]]
    if len(sys.argv) > 2:
        os.setgroups([])
        os.setgid(int(sys.argv[2]))
        os.setuid(int(sys.argv[2]))
    values = {option.name: option.default for option in workload.options}
    values |= {"iters": 1, "warmups": 0}

    def runs(tasks: int) -> bool:
        try:
            run_untraced(Spec(workload.argv({**values, "tasks": tasks}), as_root=True))
        except TracerError as error:
            print(error.message, file=sys.stderr, flush=True)
            return False
        return True

    binding = limits.binding(workload.needs(values), limits.limits(os.getuid()))
    assert binding is not None
    most, limit = binding
    # what a thread costs the kernel depends on what its caches hold already: 34 to 38 KiB in all
    percent = 120 if limit.resource == "memory_bytes" else 102
    beyond = most * percent // 100 + 1
    print(json.dumps({"limit": limit.name, "most": most, "fits": runs(most),
                      "beyond": runs(beyond)}))  # fmt: skip


main()
