"""Eight threads of a pool compute in pure Python, one at a time: they share the interpreter's lock.

True: the process is on a CPU all the time (its own clock: cpu_ns against wall_ns), so hardly any
of its path is waiting. What makes it hard: threads wait for the lock with time-outs of 5 ms.
"""

import time
from concurrent.futures import ThreadPoolExecutor


def add_up(count):
    total = 0
    for number in range(count):
        total += number * number
    return total


wall, cpu = time.monotonic_ns(), time.process_time_ns()
with ThreadPoolExecutor(8, thread_name_prefix="crunch") as pool:
    sum(pool.map(add_up, [20000] * 400))
print("cpu_ns", time.process_time_ns() - cpu)
print("wall_ns", time.monotonic_ns() - wall)
