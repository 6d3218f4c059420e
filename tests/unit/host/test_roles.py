"""What a process is for, from command lines as /proc shows them."""

from __future__ import annotations

import pytest

from tracer.host.roles import role


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("postgres: checkpointer ",), "postgres: checkpointer"),
        (("nginx: worker process",), "nginx: worker process"),
        (("/usr/lib/chromium/chromium", "--type=renderer", "--x=1"), "chromium --type=renderer"),
        (
            ("/usr/bin/python3.11", "-u", "/srv/server.py", "--port", "1"),
            "python3.11 server.py",
        ),
        (("python3", "-X", "dev", "-m", "http.server"), "python3 -m http.server"),
        (("python3", "-c", "import os"), "python3 -c"),
        (("java", "-Xmx1g", "-cp", "a.jar", "org.acme.Main"), "java org.acme.Main"),
        (("java", "-jar", "/opt/app.jar"), "java app.jar"),
        (("node", "/srv/index.js"), "node index.js"),
        (("/usr/sbin/mysqld", "--port=1"), "mysqld"),
        (("redis-server *:6379",), "redis-server *:6379"),
        (("-bash",), "-bash"),
        ((), "kthread"),
        (("x" * 60,), "x" * 37 + "..."),
    ],
)
def test_roles(argv: tuple[str, ...], expected: str) -> None:
    assert role(argv, "kthread") == expected
