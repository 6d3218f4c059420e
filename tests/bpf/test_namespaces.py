"""Namespaces and filters that tracer is in, or the target: refused by name, or measured right."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from programs import ROOT, TRACER, assert_books_close, near, need

PID = ("unshare", "--pid", "--fork", "--mount-proc")
PID_WITHOUT_FORK = ("unshare", "--pid")
TIME = ("unshare", "--time", "--fork", "--monotonic", "86400")
USER = ("unshare", "--user", "--map-root-user")
NETWORK = ("unshare", "--net")
BOOT = ("unshare", "--time", "--fork", "--boottime", "86400")


def inside(namespace: tuple[str, ...], *words: str) -> subprocess.CompletedProcess[str]:
    need("unshare")
    return subprocess.run(
        [*namespace, *TRACER, *words],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.vm
@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        (PID, "PID namespace"),
        (PID_WITHOUT_FORK, "PID namespace"),
        (TIME, "time namespace whose clock is shifted by 86400 s"),
        (USER, "user namespace"),
    ],
    ids=["pid", "pid without fork", "time", "user"],
)
@pytest.mark.parametrize(
    ("words", "status"),
    [(("run", "--", "true"), 125), (("run", "thread-brigade"), 1), (("attach", "1"), 1)],
    ids=["command", "workload", "attach"],
)
def test_tracer_inside_is_refused_by_name(namespace, name, words, status):
    done = inside(namespace, *words)
    assert done.returncode == status, done.stderr
    assert name in done.stderr
    assert "lockdown" not in done.stderr and "Traceback" not in done.stderr
    hint = done.stderr.splitlines()[-1]
    assert hint.startswith("        ") and "run tracer o" in hint
    assert len(done.stderr.splitlines()) == 2, "nothing before the refusal"


def test_a_filter_that_forbids_bpf_is_named(compiled):
    """As in a container: root has every capability, and bpf(2) fails all the same."""
    words = [compiled("without_bpf"), *TRACER, "run", "thread-brigade"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    what, hint = done.stderr.splitlines()
    assert what.startswith("tracer: the kernel refused the BPF map")
    assert "a seccomp filter is on this process" in hint and "run tracer on the host" in hint


@pytest.mark.vm
def test_a_network_namespace_changes_nothing(tmp_path):
    file = tmp_path / "report.json"
    done = inside(NETWORK, "run", "--json", str(file), "--", "sleep", "0.2")
    assert done.returncode == 0, done.stderr
    assert_books_close(json.loads(file.read_text()))


@pytest.mark.vm
def test_the_doctor_names_it():
    done = inside(TIME, "doctor")
    assert done.returncode == 1
    assert "problem  namespaces           not the host's" in done.stdout


def test_a_time_namespace_with_the_hosts_monotonic_clock(tmp_path):
    file = tmp_path / "report.json"
    done = inside(BOOT, "run", "--json", str(file), "--", "sleep", "0.2")
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text())
    assert_books_close(document)
    assert near(document["window_ns"], 200e6, 50_000_000)


def test_a_target_in_namespaces_is_measured(tmp_path: Path):
    """Its numbers, its clock, its rights and its network are other ones than tracer's."""
    need("unshare")
    file = tmp_path / "report.json"
    command = [*TIME, "--pid", "--mount-proc", *USER[1:], *NETWORK[1:], "sleep", "0.5"]
    done = subprocess.run(
        [*TRACER, "run", "--json", str(file), "--", *command],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text())
    assert_books_close(document)
    assert near(document["ledgers"]["wall"]["parts"]["sleep"], 500e6, 5_000_000)
