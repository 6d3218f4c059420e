"""What pyproject.toml cannot say of a build: native programs, the manual, the wheel's tag."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools_rust import Binding, RustExtension
from setuptools_rust.build import build_rust

NATIVE = Path("workloads/native")
#: Programs that are not built do not stop the others: stacks then have addresses instead of names.
OPTIONAL = {"tracer-symbols"}


def programs() -> list[RustExtension]:
    """Every Rust program, as a file of the package `workloads`; cargo builds them where the set-up
    of a clone does, so that neither builds again what the other has built."""
    binaries = sorted(path.stem for path in (NATIVE / "src" / "bin").iterdir())
    packages = {"": binaries, "symbols": ["tracer-symbols"], "replay": ["tracer-replay"]}
    return [
        RustExtension(
            {name: f"workloads.programs.{name}" for name in names},
            path=str(NATIVE / package / "Cargo.toml"),
            args=["--locked", f"--target-dir={NATIVE / 'target'}"],
            binding=Binding.Exec,
            rust_version=">=1.75",
            debug=False,
            optional=OPTIONAL.issuperset(names),
        )
        for package, names in packages.items()
    ]


class Programs(build_rust):
    """Builds the programs, except for an editable installation: there the set-up of the clone
    does, and everything works without them but what needs one."""

    def run(self) -> None:
        if not self.inplace:
            super().run()


class Modules(build_py):
    """Adds the man pages and the completions of shells, which come from the commands themselves."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        share = Path(self.get_finalized_command("build").build_base, "share")
        for stale in (self.build_lib, share):  # what was removed from the sources since
            shutil.rmtree(stale, ignore_errors=True)
        super().run()
        subprocess.run(
            [sys.executable, "-m", "tracer.cli._share", share],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            check=True,
        )
        files = [path for path in sorted(share.rglob("*")) if path.is_file()]
        self.distribution.data_files = [
            (str("share" / path.parent.relative_to(share)), [str(path)]) for path in files
        ]


class Wheel(bdist_wheel):
    """The programs are of one machine; the Python is of every version."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


setup(
    rust_extensions=programs(),
    cmdclass={"build_rust": Programs, "build_py": Modules, "bdist_wheel": Wheel},
)
