"""Names that programs give themselves are any bytes: none breaks a run or reaches the terminal."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from programs import ROOT, TRACER, near

SCHEMA = json.loads((ROOT / "docs" / "schema" / "tracer.run-2.json").read_text())
#: The names of the threads as the kernel keeps them, 15 bytes at most, and as a report shows them.
NAMES = {
    b"\xff\xfe\x80 raw": "\ufffd\ufffd\ufffd raw",
    b"a) R 1 (b": "a) R 1 (b",
    b"two\nlines": "two\nlines",
    b"\x1b[31mred\x1b[2J": "\x1b[31mred\x1b[2J",
    b"Tgid:\x0bTgid:\t1": "Tgid:\x0bTgid:\t1",
    b"abcdefghijklmn\xce": "abcdefghijklmn\ufffd",  # cut within a character
    b"$(reboot);`id`": "$(reboot);`id`",
}
SOURCE = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
static const char *names[] = {%s};
enum { COUNT = sizeof names / sizeof *names };
static void *work(void *arg)
{
    struct timespec used = {0};
    prctl(PR_SET_NAME, names[(long)arg]);
    while (!used.tv_sec && used.tv_nsec < 100000000) {
        usleep(10000);
        for (int n = 0; n < 20; n++)
            for (volatile int i = 0; i < 100000; i++)
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used), i += 9999;
    }
    return 0;
}
int main(int argc, char **argv)
{
    pthread_t threads[COUNT];
    prctl(PR_SET_NAME, "main \xe2\x82");
    for (long n = 0; n < COUNT; n++)
        pthread_create(&threads[n], 0, work, (void *)n);
    for (int n = 0; n < COUNT; n++)
        pthread_join(threads[n], 0);
    if (argc > 1)
        sleep(1);
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of threads with these names, each of which uses 100 ms of CPU time."""
    path = tmp_path_factory.mktemp("names") / "program"
    literals = ",".join('"' + "".join(f"\\{byte:03o}" for byte in name) + '"' for name in NAMES)
    words = ["cc", "-O1", "-pthread", "-x", "c", "-", "-o", str(path)]
    subprocess.run(words, input=SOURCE.replace("%s", literals), text=True, check=True)
    return path


def checked(words: list[str | bytes | Path], file: Path) -> Any:
    """The JSON report of tracer with these words; nothing it writes is unprintable or no UTF-8."""
    done = subprocess.run([*TRACER, *words], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 3), done.stderr
    for stream in (done.stdout, done.stderr):
        assert all(line.isprintable() for line in stream.decode().split("\n"))
    text = file.read_bytes().decode("ascii")
    assert all(line.isprintable() for line in text.split("\n"))
    document = json.loads(text)
    json.dumps(document, ensure_ascii=False).encode()  # fails on lone surrogates
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def on_cpu_ms(document: Any) -> dict[str, float]:
    return {
        row["name"]: sum(
            ns for part, ns in row["parts"].items() if part.split(":")[0] in ("user", "syscall")
        )
        / 1e6
        for row in document["threads"]
        if row["tid"]
    }


def test_run(tmp_path, program):
    """Also of a program and an argument whose names are no text."""
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff\x1b"))
    odd.symlink_to(program)
    file = tmp_path / "report.json"
    words = ["run", "--top", "20", "--probe", "all", "--json", file, "--"]
    document = checked([*words, os.fsencode(odd), b"\xff\x1b[2J"], file)
    assert document["target"]["argv"][1] == "\ufffd\x1b[2J"
    used = on_cpu_ms(document)
    assert set(used) == {*NAMES.values(), "main \ufffd"}
    assert all(near(used[name], 100, 15) for name in NAMES.values()), used


def test_attach(tmp_path, program):
    file = tmp_path / "report.json"
    target = subprocess.Popen([program, "stay"])
    try:
        document = checked(
            ["attach", str(target.pid), "--top", "20", "--probe", "all", "--json", file], file
        )
    finally:
        target.kill()
        target.wait()
    assert document["target"]["name"] == "main \ufffd"
    assert {"\x1b[31mred\x1b[2J", "two\nlines"} <= set(on_cpu_ms(document))


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group whose own name is no text."""
    root = Path("/sys/fs/cgroup")
    base = root if (root / "cgroup.procs").exists() else root / "pids"
    made = base / os.fsdecode(b"tracer-\xff\x0c-%d" % os.getpid())
    try:
        made.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield made
    made.rmdir()


def test_a_control_group(tmp_path, program, group):
    """tracer itself may be in it too."""
    file = tmp_path / "report.json"
    target = subprocess.Popen([program, "stay"])
    try:
        (group / "cgroup.procs").write_text(str(target.pid))
        words = ["attach", "--duration", "1", "--top", "20", "--json", file]
        document = checked([*words, "--cgroup", os.fsencode(group)], file)
        assert document["target"]["processes"][0]["pid"] == target.pid
        inside = f"echo $$ > '{group}/cgroup.procs' && exec {' '.join(TRACER)} doctor"
        done = subprocess.run(
            ["sh", "-c", os.fsencode(inside)], cwd=ROOT, capture_output=True, check=False
        )
        assert b"Traceback" not in done.stderr, done.stderr
        assert b"threads" in done.stdout
    finally:
        target.kill()
        target.wait()
