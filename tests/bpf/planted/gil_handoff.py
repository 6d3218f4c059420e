"""A thread `answer` answers small requests beside a thread `compute` that never stops computing.

True: after each request `answer` waits for the interpreter's lock, which `compute` holds and gives
up when asked for 5 ms (sys.getswitchinterval): the path is what `compute` does meanwhile, own code.
The client is a process of its own that computes 1 ms, then asks. Known by construction: at every
moment the client or `compute` computes; the client's clock says that answers take milliseconds.
"""

import os
import socket
import sys
import threading
import time

REQUESTS = 50
mine, theirs = socket.socketpair()
pid = os.fork()
if pid == 0:
    mine.close()
    theirs.recv(1)  # both threads run
    begin, answered = time.monotonic_ns(), 0
    for _ in range(REQUESTS):
        asked = time.monotonic_ns() + 1_000_000
        while time.monotonic_ns() < asked:
            pass
        theirs.send(b"x")
        theirs.recv(1)
        answered += time.monotonic_ns() - asked
    print("answered_ns", answered)
    print("elapsed_ns", time.monotonic_ns() - begin, flush=True)
    os._exit(0)
theirs.close()
done = False


def answer():
    global done
    while byte := mine.recv(1):
        mine.send(byte)
    done = True


def compute():
    count = 0
    while not done:
        count += 1


threads = [threading.Thread(target=compute, name="compute")]
threads += [threading.Thread(target=answer, name="answer")]
for thread in threads:
    thread.start()
mine.send(b"x")
for thread in threads:
    thread.join()
os.waitpid(pid, 0)
print("switch_interval_ns", round(sys.getswitchinterval() * 1e9))
