"""Tests on the real kernel: they need root and BPF.

TRACER_FORCE_BPF=1 turns their skip into a failure.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import STARTED, need

from tracer import probes
from tracer.analysis.run import counts, ledger
from tracer.capture.workload import run_traced
from tracer.experiment.tracing import Tracing
from tracer.kernel.engine import Engine
from tracer.kernel.settings import MOST_ROWS, rows_for
from tracer.model.recording import Recording
from tracer.model.spec import Spec

RELEASE = Path(__file__).parents[2] / "workloads" / "native" / "target" / "release"
PLANTED = RELEASE / "examples" / "planted"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.bpf)


@pytest.fixture(autouse=True, scope="session")
def _rights() -> None:
    if os.geteuid() != 0:
        why = "needs root and BPF"
        if os.environ.get("TRACER_FORCE_BPF") == "1":
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture(autouse=True, scope="session")
def _compiled_programs(_rights: None) -> None:
    """What nearly every test starts is compiled before: in a new clone that takes some seconds,
    which tests with little time do not have."""
    path = Tracing().with_path()  # of commands and attach
    for followed in (False, True):
        rows = rows_for(1) if followed else MOST_ROWS  # as attach with an interval has it
        Engine(path.probes, followed=followed, sampling=path.sampling, rows=rows).close()
    for light in (False, True):
        Engine(probes.DEFAULT, light=light).close()


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """A tracer that a failed test left attached would slow everything after it."""
    yield
    while STARTED:
        running = STARTED.pop()
        if running.poll() is None:
            running.kill()
            running.wait()


@pytest.fixture(scope="session")
def engine(_rights: None) -> Iterator[Engine]:
    """One compiled engine with all probes for the whole session."""
    compiled = Engine(tuple(name for name in probes.names() if name != "stacks"))
    yield compiled
    compiled.close()


def engine_with(names: tuple[str, ...]) -> Any:
    """A module's own fixture `engine`, with these probes alone."""

    @pytest.fixture(scope="module")
    def engine(_rights: None) -> Iterator[Engine]:
        compiled = Engine(names)
        yield compiled
        compiled.close()

    return engine


@pytest.fixture(scope="session")
def release() -> Path:
    """Where the workloads' programs are."""
    return RELEASE


@pytest.fixture(scope="session")
def planted_program() -> str:
    """The program of the planted modes."""
    return str(PLANTED)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The program of planted/NAME.c, compiled once."""
    directory = tmp_path_factory.mktemp("planted")

    def program(name: str) -> str:
        made = directory / name
        if not made.exists():
            need("gcc")
            words = ("gcc", "-O1", "-g", "-pthread", "-Wall", "-Wextra", "-Werror")
            source = Path(__file__).parent / "planted" / f"{name}.c"
            subprocess.run((*words, "-o", str(made), str(source)), check=True)
        return str(made)

    return program


Run = Callable[..., Recording]


def stolen_ms(recording: Recording) -> float:
    """Time on a CPU that the kernel did not charge to the target: the host took it.

    From getrusage, whose times leave steal out; from the ticks of steal where an exec lost the
    usage before it.
    """
    usage = recording.result["rusage"]
    parts = ledger.threads(recording).parts
    on_cpu = sum(ns for name, ns in parts.items() if name.split(":")[0] in ("user", "syscall"))
    if recording.argv[1] == "exec-non-leader":
        return recording.load.steal_ns / 1e6 * 2
    return max(on_cpu - usage["user_ns"] - usage["system_ns"], 0) / 1e6


def check_books(recording: Recording) -> None:
    """All ledgers close to 1 %, nothing is lost, the window is as long as the workload says."""
    assert counts.losses(recording) == dict.fromkeys(counts.losses(recording), 0)
    for book in (ledger.wall(recording), ledger.threads(recording), ledger.cpu(recording)):
        assert abs(book.residual_ns) <= 0.01 * book.total_ns
        assert all(ns >= 0 for ns in book.parts.values())
        assert sum(book.parts.values()) + book.residual_ns == book.total_ns
    path = recording.threads["path"][recording.end_slot]
    assert int(path.sum()) == recording.window_ns
    elapsed_ns = recording.result["elapsed_ns"]
    assert abs(recording.window_ns - elapsed_ns) <= 0.005 * elapsed_ns
    head = ledger.headline(recording)
    shares = (head.io, head.switching, head.user, head.system, head.waiting, head.unknown)
    assert sum(s for s in shares if s is not None) == pytest.approx(1, abs=1e-9)


@pytest.fixture
def planted(engine: Engine) -> Run:
    """Run a mode of the planted program under the engine.

    A host that takes the CPU away stretches what was planted, and some virtual machines hide
    switches (repairs), whose waits then last until the thread's next event: such a run is
    repeated, up to 20 times.
    """

    def run(*words: str, cpus: tuple[int, ...] = ()) -> Recording:
        for _ in range(20):
            recording = run_traced(engine, Spec((str(PLANTED), *words), cpus=cpus))
            if not sum(counts.repairs(recording).values()) and stolen_ms(recording) < 1:
                break
        return recording

    return run


@pytest.fixture
def brigade(engine: Engine) -> Run:
    """Run a brigade under the engine."""

    def run(name: str, *words: str, cpus: tuple[int, ...] = ()) -> Recording:
        return run_traced(engine, Spec((str(RELEASE / name), *words), cpus=cpus))

    return run
