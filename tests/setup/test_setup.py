"""scripts/setup.sh, with stand-ins for what it would find on a machine."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tracer.cli._share import MARK

ROOT = Path(__file__).resolve().parents[2]

PARTS = sorted((ROOT / "scripts" / "setup").glob("*.sh"))

# What the script itself calls; nothing else of the machine is on its PATH.
TOOLS = [
    "bash",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "cut",
    "dirname",
    "env",
    "find",
    "grep",
    "id",
    "ln",
    "mkdir",
    "mktemp",
    "printf",
    "readlink",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "sort",
    "stat",
    "tail",
    "xargs",
]


class Clone:
    """A clone with nothing in it but the script, and a machine around it."""

    def __init__(self, path: Path) -> None:
        self.path = path / "clone"
        self.bin = path / "bin"
        self.home = path / "home"
        self.dirs = [self.bin]
        for directory in (self.path / "scripts", self.bin, self.home):
            directory.mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "setup.sh", self.path / "scripts")
        shutil.copytree(ROOT / "scripts" / "setup", self.path / "scripts" / "setup")
        for tool in TOOLS:
            path_of_tool = shutil.which(tool)
            if path_of_tool is not None:
                (self.bin / tool).symlink_to(path_of_tool)

    def stub(self, name: str, text: str, directory: Path | None = None) -> Path:
        """Put a shell script of that name on PATH."""
        directory = directory or self.bin
        directory.mkdir(exist_ok=True)
        path = directory / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def rust(self, directory: str, cargo: str, rustc: str | None = None) -> Path:
        """Put a cargo and a rustc of some version at the end of PATH."""
        path = self.path.parent / directory
        self.stub("rustc", f"echo 'rustc {rustc or cargo} (0123abc 2024-01-01)'", path)
        self.dirs.append(path)
        return self.stub("cargo", f"echo 'cargo {cargo} (0123abc 2024-01-01)'", path)

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(self.path / "scripts" / "setup.sh"), *args],
            env={
                "PATH": os.pathsep.join(map(str, self.dirs)),
                "HOME": str(self.home),
                "TRACER_PYTHON": str(self.path / "no-python"),
                **env,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_unknown_system_lists_what_is_needed(clone: Clone) -> None:
    done = clone.run("system")
    assert done.returncode == 1
    for needed in ("python3-bpfcc", "venv", "C compiler", "cargo and rustc 1.75"):
        assert needed in done.stderr
    for other in ("Fedora: python3-bcc", "Arch: python-bcc", "Fedora: cargo", "Arch: rust"):
        assert other in done.stderr


def test_nothing_on_the_machine_is_all_missing(clone: Clone) -> None:
    done = clone.run("missing")
    assert done.stdout.split() == ["python", "bcc", "venv", "linker", "cargo"]


def test_first_cargo_that_is_new_enough_is_used(clone: Clone) -> None:
    clone.rust("old", "1.74.1")
    expected = clone.rust("new", "1.75.0")
    clone.rust("newer", "1.100.0")
    done = clone.run("find-cargo")
    assert done.stdout.strip() == str(expected)


@pytest.mark.parametrize("version", ["0.66.0", "1.7.5", "1.74.9"])
def test_cargo_that_is_too_old_is_not_used(clone: Clone, version: str) -> None:
    clone.rust("old", version)
    assert clone.run("find-cargo").returncode == 1


@pytest.mark.parametrize("version", ["1.75.0", "1.75.0-nightly", "1.100.0", "2.0.0"])
def test_cargo_that_is_new_enough_is_used(clone: Clone, version: str) -> None:
    cargo = clone.rust("new", version)
    assert clone.run("find-cargo").stdout.strip() == str(cargo)


def test_new_cargo_with_old_compiler_is_not_used(clone: Clone) -> None:
    clone.rust("mixed", "1.80.0", rustc="1.63.0")
    assert clone.run("find-cargo").returncode == 1


def test_cargo_that_does_not_run_is_passed_over(clone: Clone) -> None:
    # rustup's cargo with no toolchain behind it.
    clone.rust("broken", "1.80.0").write_text("#!/bin/sh\nexit 1\n")
    expected = clone.rust("new", "1.80.0")
    assert clone.run("find-cargo").stdout.strip() == str(expected)


def test_cargo_off_the_path_is_found_in_home(clone: Clone) -> None:
    directory = clone.home / ".cargo" / "bin"
    directory.mkdir(parents=True)
    clone.stub("rustc", "echo 'rustc 1.80.0 (0123abc 2024-01-01)'", directory)
    cargo = clone.stub("cargo", "echo 'cargo 1.80.0 (0123abc 2024-01-01)'", directory)
    assert clone.run("find-cargo").stdout.strip() == str(cargo)


def debian(clone: Clone, cargo: str, cargo_web: str | None) -> Path:
    """Make the machine one with apt, and return what apt-get was asked for."""
    asked = clone.path / "asked"
    clone.stub("apt-get", f'echo "$@" >>{asked}')
    clone.stub("sudo", 'exec "$@"')
    web = f"echo '  Candidate: {cargo_web}'" if cargo_web else ":"
    clone.stub(
        "apt-cache",
        f"case $2 in cargo) echo '  Candidate: {cargo}' ;; cargo-web) {web} ;; esac",
    )
    return asked


@pytest.mark.parametrize(
    ("cargo", "cargo_web", "expected"),
    [
        ("0.66.0+ds1-1", "1.96.0+dfsg1-1~deb12u2", "cargo-web"),
        ("1.85.0+dfsg3-1", None, "cargo"),
        ("1:1.75.0+dfsg0ubuntu1-0ubuntu7", None, "cargo"),
    ],
)
def test_debian_packages(clone: Clone, cargo: str, cargo_web: str | None, expected: str) -> None:
    asked = debian(clone, cargo, cargo_web)
    done = clone.run("system")
    update, install = asked.read_text().splitlines()
    assert update.startswith("update")
    assert install.startswith("install -y")
    assert install.endswith(f" python3 python3-bpfcc python3-venv gcc libc6-dev {expected}")
    # The stand-in installs nothing, which must not pass for a success.
    assert done.returncode == 1
    assert "still missing" in done.stderr


def test_debian_without_a_new_cargo_says_where_to_get_one(clone: Clone) -> None:
    asked = debian(clone, "0.47.0", None)
    done = clone.run("system")
    assert done.returncode == 1
    assert "rustup.rs" in done.stderr
    assert "install" not in asked.read_text()


def test_without_apt_what_was_installed_by_hand_is_enough(clone: Clone) -> None:
    python = fake_bcc(clone, "class BPF:\n    pass\n")
    clone.stub("cc", "exit 0")
    clone.rust("rust", "1.80.0")
    done = clone.run("system", TRACER_PYTHON=str(python))
    assert (done.returncode, done.stderr) == (0, "")
    (clone.bin / "cc").unlink()
    done = clone.run("system", TRACER_PYTHON=str(python))
    assert done.returncode == 1
    assert "no apt-get, and lacks: linker." in done.stderr


def test_failed_installation_shows_output_and_advice(clone: Clone) -> None:
    debian(clone, "1.85.0", None)
    clone.stub("apt-get", "[ $1 = update ] || { echo 'E: no space left'; exit 100; }")
    done = clone.run("system")
    assert done.returncode == 1
    assert "E: no space left" in done.stderr
    assert "Install these packages by hand" in done.stderr


def fake_bcc(clone: Clone, text: str) -> Path:
    """A Python that has a package called bcc and nothing else."""
    directory = clone.path / "system"
    venv.create(directory, symlinks=True, with_pip=False)
    (site,) = directory.glob("lib/python3*/site-packages")
    (site / "bcc").mkdir()
    (site / "bcc" / "__init__.py").write_text(text)
    return directory / "bin" / "python"


def test_unrelated_bcc_does_not_count(clone: Clone) -> None:
    python = fake_bcc(clone, "def parse(): ...\n")
    assert "bcc" in clone.run("missing", TRACER_PYTHON=str(python)).stdout.split()


def test_system_bcc_counts(clone: Clone) -> None:
    python = fake_bcc(clone, "class BPF:\n    pass\n")
    assert "bcc" not in clone.run("missing", TRACER_PYTHON=str(python)).stdout.split()


@pytest.fixture
def built(clone: Clone) -> Clone:
    """A clone that has been set up, on a machine whose sudo finds nothing."""
    directory = clone.path / ".venv" / "bin"
    directory.mkdir(parents=True)
    clone.stub("tracer", "exit 0", directory)
    python = "mkdir -p $3/man/man1; echo '# made from the commands of tracer' >$3/man/man1/tracer.1"
    clone.stub("python", f'[ "$1 $2" = "-m tracer.cli._share" ] || exit 1; {python}', directory)
    clone.stub("sudo", "exit 1")
    return clone


@pytest.mark.parametrize("before", ["nothing", "a link of an older version"])
def test_install_makes_one_launcher_and_uninstall_removes_it(
    built: Clone, tmp_path: Path, before: str
) -> None:
    prefix = tmp_path / "prefix"
    file = prefix / "bin" / "tracer"
    program = built.path / ".venv" / "bin" / "tracer"
    program.write_text('#!/bin/sh\nprintf "%s," "$@"\n')
    if before != "nothing":
        file.parent.mkdir(parents=True)
        file.symlink_to(program)
    for _ in range(2):
        done = built.run("install", PREFIX=str(prefix))
        assert done.returncode == 0, done.stderr
        assert [p.name for p in file.parent.iterdir()] == ["tracer"]
        assert not file.is_symlink()
        started = subprocess.run([file, "a b", "c"], capture_output=True, text=True, check=True)
        assert started.stdout == "a b,c,"
    assert f"use sudo {file}" in done.stderr
    for _ in range(2):
        assert built.run("uninstall", PREFIX=str(prefix)).returncode == 0
        assert not file.exists()


def test_the_launcher_says_when_the_installation_cannot_be_read(
    built: Clone, tmp_path: Path
) -> None:
    built.run("install", PREFIX=str(tmp_path / "prefix"))
    shutil.rmtree(built.path / ".venv")
    file = tmp_path / "prefix" / "bin" / "tracer"
    (built.bin / "id").unlink()
    built.stub("id", "echo 1000")
    done = subprocess.run(
        [file, "run", "x"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(built.bin)},
    )
    assert done.returncode == 1
    assert "cannot read tracer's installation" in done.stderr
    assert "sudo tracer run x" in done.stderr


def test_man_pages_and_completions_come_and_go_with_the_launcher(
    clone: Clone, tmp_path: Path
) -> None:
    """Those of this tracer. What another program has put there stays."""
    (clone.path / ".venv").symlink_to(Path(sys.executable).parents[1])
    prefix = tmp_path / "prefix"
    theirs = prefix / "share" / "fish" / "vendor_completions.d" / "tracer.fish"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("complete -c tracer\n")
    (prefix / "share" / "man" / "man1").mkdir(parents=True)
    old = prefix / "share" / "man" / "man1" / "tracer-gone.1"
    old.write_text(f'.\\" {MARK}\n')
    done = clone.run("install", PREFIX=str(prefix))
    assert done.returncode == 0, done.stderr
    assert f"{theirs} is there already and is not tracer's" in done.stderr
    share = {
        str(p.relative_to(prefix / "share")) for p in theirs.parents[2].rglob("*") if p.is_file()
    }
    assert {"man/man1/tracer.1", "man/man1/tracer-run.1", "zsh/site-functions/_tracer",
            "bash-completion/completions/tracer"} < share  # fmt: skip
    assert not old.exists()
    assert clone.run("uninstall", PREFIX=str(prefix)).returncode == 0
    assert [p for p in prefix.rglob("*") if p.is_file()] == [theirs]


def test_a_shell_that_asks_is_told_nothing_where_the_installation_cannot_be_read(
    built: Clone, tmp_path: Path
) -> None:
    built.run("install", PREFIX=str(tmp_path / "prefix"))
    shutil.rmtree(built.path / ".venv")
    asked = {"PATH": str(built.bin), "_TRACER_COMPLETE": "bash_complete"}
    done = subprocess.run([tmp_path / "prefix" / "bin" / "tracer"], capture_output=True, text=True,
                          check=False, env=asked)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_install_says_that_sudo_finds_it(built: Clone, tmp_path: Path) -> None:
    link = tmp_path / "prefix" / "bin" / "tracer"
    built.stub("sudo", f"echo {link}")
    done = built.run("install", PREFIX=str(tmp_path / "prefix"))
    assert done.returncode == 0
    assert "'sudo tracer' finds it" in done.stderr


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_what_is_not_ours_is_left_alone(built: Clone, tmp_path: Path, kind: str) -> None:
    directory = tmp_path / "prefix" / "bin"
    directory.mkdir(parents=True)
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    link = directory / "tracer"
    if kind == "file":
        link.write_text("theirs")
    else:
        link.symlink_to(theirs if kind == "link" else tmp_path / "gone")
    before = link.lstat()
    for command in ("install", "uninstall"):
        done = built.run(command, PREFIX=str(tmp_path / "prefix"))
        assert done.returncode == 1
        assert "left as it is" in done.stderr
    assert link.lstat().st_ino == before.st_ino
    assert theirs.read_text() == "theirs"


def test_install_before_setup_says_so(clone: Clone, tmp_path: Path) -> None:
    done = clone.run("install", PREFIX=str(tmp_path / "prefix"))
    assert done.returncode == 1
    assert "make setup" in done.stderr
    assert not (tmp_path / "prefix").exists()


def test_clean_leaves_sources(built: Clone) -> None:
    cache = built.path / "tracer" / "__pycache__"
    cache.mkdir(parents=True)
    (built.path / "tracer" / "cli.py").touch()
    assert built.run("clean").returncode == 0
    scripts = {"scripts", "setup.sh", "setup", *(p.name for p in PARTS)}
    assert {p.name for p in built.path.rglob("*")} == {"cli.py", "tracer", *scripts}


def test_help_lists_every_target() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not there")
    done = subprocess.run(
        [make, "-s", "-C", str(ROOT), "--no-print-directory"],
        capture_output=True,
        text=True,
        check=True,
    )
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    makefile = (ROOT / "Makefile").read_text()
    phony = next(x for x in makefile.splitlines() if x.startswith(".PHONY:"))
    assert listed == set(phony.split()[1:])


def test_help_names_every_command_and_every_command_is_known(clone: Clone) -> None:
    listed = [
        line.split()[0]
        for line in clone.run("help").stdout.splitlines()
        if line.startswith("  ") and line[2] != " "
    ]
    defined = {
        line.removeprefix("cmd_").split("(")[0].replace("_", "-")
        for script in (ROOT / "scripts" / "setup.sh", *PARTS)
        for line in script.read_text().splitlines()
        if line.startswith("cmd_") and "()" in line
    }
    assert {*listed, "help"} == {*defined, "find-cargo"}
    done = clone.run("nonsense")
    assert done.returncode == 2 and "usage:" in done.stderr


def test_every_part_is_sourced_and_starts_nothing_by_itself() -> None:
    main = (ROOT / "scripts" / "setup.sh").read_text()
    for part in PARTS:
        assert f'source "$PARTS/{part.name}"' in main
        done = subprocess.run(["bash", "-c", f"set -eu; PATH=; source {part}"], check=False,
                              capture_output=True, text=True)  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
