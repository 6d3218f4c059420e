"""The wheel of this clone: complete, and at work in a virtual environment of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tracer.cli.main import cli
from workloads import available

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "workloads" / "native"
PROGRAMS = {path.stem for path in (NATIVE / "src" / "bin").iterdir()}
PROGRAMS |= {"tracer-symbols", "tracer-replay"}


def run(*words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command, outside the clone, with little in its environment."""
    return subprocess.run(
        words,
        cwd="/",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": os.environ["HOME"], **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def setup(*words: str) -> str:
    done = run(ROOT / "scripts" / "setup.sh", *words, PATH=os.environ["PATH"])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def pip(python: Path | str, *words: str | Path, **settings: str) -> None:
    quiet = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
    done = run(python, *quiet, *words, **settings)
    assert done.returncode == 0, done.stdout + done.stderr


def make(directory: Path) -> None:
    """Build the wheel, and install it where no cargo can be reached. Nothing is left in the clone
    but what cargo builds for the set-up too."""
    config = directory / "setup.cfg"
    config.write_text(f"[build]\nbuild_base = {directory}\n[egg_info]\negg_base = {directory}\n")
    cargo = Path(setup("find-cargo")).parent
    path = os.pathsep.join([str(cargo), os.environ["PATH"]])
    rustup = {
        name: os.environ[name] for name in ("RUSTUP_HOME", "CARGO_HOME") if name in os.environ
    }
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", directory, ROOT,
        PATH=path, DIST_EXTRA_CONFIG=str(config), **rustup)  # fmt: skip
    (wheel,) = directory.glob("*.whl")
    venv.create(directory / "venv", symlinks=True, with_pip=True)
    pip(directory / "venv" / "bin" / "python", "install", wheel)
    (directory / "done").touch()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Where `make` has worked, once for all of pytest's processes."""
    base = tmp_path_factory.getbasetemp()
    directory = (base if worker_id == "master" else base.parent) / "wheel"
    directory.mkdir(exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "done").exists():
            make(directory)
    return directory


@pytest.fixture(scope="session")
def names(made: Path) -> set[str]:
    (wheel,) = made.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


def test_the_wheel_is_of_this_machine_and_of_any_python(made: Path) -> None:
    (wheel,) = made.glob("*.whl")
    _name, _version, *tag = wheel.stem.split("-")
    assert tag == ["py3", "none", f"linux_{os.uname().machine}"]


def test_the_wheel_has_every_program_and_no_source_of_one(names: set[str]) -> None:
    held = {name.rpartition("/")[2] for name in names if name.startswith("workloads/programs/")}
    assert held == PROGRAMS
    assert not [name for name in names if name.endswith((".rs", ".toml", ".lock"))]
    assert {name.split("/")[0].split("-")[0] for name in names} == {"tracer", "workloads"}


def test_the_wheel_has_every_module_and_file_of_the_packages(names: set[str]) -> None:
    for package in ("tracer", "workloads"):
        for file in (ROOT / package).rglob("*"):
            is_ours = not {"__pycache__", "native"} & set(file.parts) and file.is_file()
            assert not is_ours or str(file.relative_to(ROOT)) in names, file


def test_the_wheel_has_a_page_for_every_command_and_completions(names: set[str]) -> None:
    share = {name.partition(".data/data/share/")[2] for name in names}
    context = cli.make_context("tracer", [], resilient_parsing=True)
    for command in cli.list_commands(context):  # type: ignore[attr-defined]
        assert f"man/man1/tracer-{command}.1" in share
    for workload in available():
        assert f"man/man1/tracer-run-{workload}.1" in share
    assert {
        "bash-completion/completions/tracer",
        "zsh/site-functions/_tracer",
        "fish/vendor_completions.d/tracer.fish",
    } <= share


def test_the_doctor_knows_the_wheel(made: Path) -> None:
    done = run(made / "venv" / "bin" / "tracer", "doctor", "--json", "-")
    facts = {fact["what"]: fact for fact in json.loads(done.stdout)["facts"]}
    (wheel,) = made.glob("*.whl")
    assert f"wheel from {wheel}, in {made / 'venv'}" in facts["installation"]["value"]
    assert facts["workloads"]["value"] == "built"
    assert facts["Python threads"]["verdict"] == "ok"
    assert os.geteuid() or "-packages/bcc" in facts["probes"]["value"]
    assert "make setup" not in done.stdout + done.stderr


def test_what_is_missing_is_brought_by_pip(made: Path, tmp_path: Path) -> None:
    (package,) = (made / "venv").glob("lib/python3*/site-packages/workloads")
    without = shutil.ignore_patterns("tracer-symbols")
    shutil.copytree(package, tmp_path / "workloads", ignore=without, copy_function=os.link)
    tracer = made / "venv" / "bin" / "tracer"
    done = run(tracer, "doctor", "--json", "-", PYTHONPATH=str(tmp_path))
    facts = {fact["what"]: fact for fact in json.loads(done.stdout)["facts"]}
    assert facts["workloads"]["value"] == "built, without tracer-symbols"
    (wheel,) = made.glob("*.whl")
    assert facts["workloads"]["cure"] == (
        f"{made / 'venv' / 'bin' / 'python'} -m pip install --force-reinstall --no-deps {wheel}"
    )


def test_the_systems_bcc_is_found(made: Path) -> None:
    python = made / "venv" / "bin" / "python"
    code = "from tracer.kernel.bcc import import_bcc; print(import_bcc().BPF)"
    done = run(python, "-c", code)
    assert (done.stdout, done.stderr) == ("<class 'bcc.BPF'>\n", "")
    assert run(python, "-c", "import bcc").returncode == 1  # it is on no path of this Python


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root and BPF")
def test_a_workload_of_the_wheel_is_traced(made: Path, tmp_path: Path) -> None:
    tracer, file = made / "venv" / "bin" / "tracer", tmp_path / "a.json"
    size = ("--tasks", "10", "--iters", "50", "--no-baseline")
    done = run(tracer, "run", "thread-brigade", *size, "--json", file, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text())
    assert document["result"]["units"] == 10 * 50
    assert str(made / "venv") in document["target"]["argv"][0]


def test_the_source_archive_has_what_a_build_needs(made: Path) -> None:
    config = {"PATH": os.environ["PATH"], "DIST_EXTRA_CONFIG": str(made / "setup.cfg")}
    done = run(sys.executable, "-m", "build", "--sdist", "--outdir", made, ROOT, **config)
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = made.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        held = {name.partition("/")[2] for name in file.getnames()}
    sources = [*(NATIVE / "src").rglob("*.rs"), *NATIVE.glob("*/src/*.rs"), ROOT / "setup.py"]
    manifests = [NATIVE / part / f"Cargo.{kind}" for part in ("", "symbols", "replay")
                 for kind in ("toml", "lock")]  # fmt: skip
    assert len(sources) > 40
    assert {str(path.relative_to(ROOT)) for path in [*sources, *manifests]} <= held
    assert not [name for name in held if "/target/" in name or name.startswith("tests/")]
