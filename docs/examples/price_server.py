"""A small web server that is slow under load: docs/your-own-program.md finds out why.

usage: price_server.py PORT [fixed]
"""

import hashlib
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOCK = threading.Lock()
RATES: dict[str, bytes] = {}
FIXED = "fixed" in sys.argv[2:]


def ask_for_rate(path: str) -> bytes:
    """A question to another machine, which takes it 2 ms to answer."""
    time.sleep(0.002)
    return hashlib.sha256(path.encode()).hexdigest().encode()


class Prices(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if FIXED:
            rate = ask_for_rate(self.path)
            with LOCK:
                RATES[self.path] = rate
        else:
            with LOCK:
                rate = RATES[self.path] = ask_for_rate(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(rate)))
        self.end_headers()
        self.wfile.write(rate)

    def log_message(self, *_: object) -> None:
        """No log."""


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Prices).serve_forever()
