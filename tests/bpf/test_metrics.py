"""`attach --openmetrics` on the real kernel, scraped as Prometheus does."""

from __future__ import annotations

import re
import signal
import time
import urllib.request

from programs import start
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from test_attach import Worker

ACCEPT = "application/openmetrics-text; version=1.0.0"


def _scrape(address: str) -> dict[tuple[str, str], float]:
    request = urllib.request.Request(address, headers={"Accept": ACCEPT})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        text = answer.read().decode()
    return {
        (sample.name, " ".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counts_of_a_known_program() -> None:
    worker = Worker()
    tracer = start("attach", str(worker.pid), "--interval", "0.5", "--openmetrics", "0")
    try:
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/metrics", line)
        assert found, line
        while "attached to" not in tracer.stderr.readline():
            pass
        switches = sum(worker.work() for _ in range(3))
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            values = _scrape(found[0])
            if values.get(("tracer_system_calls_total", "process"), 0) >= 1500:
                break
            time.sleep(0.2)
        assert values["tracer_target_info", f"{worker.pid} 0.1.0"] == 1
        assert 1500 <= values["tracer_system_calls_total", "process"] <= 1520
        seen = sum(
            values["tracer_context_switches_total", kind] for kind in ("voluntary", "involuntary")
        )
        assert seen >= 60 and abs(seen - switches) <= 0.1 * switches + 10
        path = sum(
            value for (name, _), value in values.items() if name == "tracer_path_seconds_total"
        )
        length = values["tracer_window_seconds_total", ""]
        assert 0.9 * length <= path <= 1.001 * length
        woke = [v for (n, _), v in values.items() if n == "tracer_wakeup_latency_seconds_count"]
        assert sum(woke) >= 60
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=30)
        worker.end()
    assert tracer.returncode in (0, 3)
