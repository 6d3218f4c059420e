"""How this tracer was installed, and what its user types to complete or repair it.

In a clone the set-up does it (Makefile); elsewhere pip does, of a wheel, an archive or a directory.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tracer
from tracer.errors import TracerError

_NAME = "tracer"
_UNKNOWN_SOURCE = "FILE, tracer's wheel or source archive"


@dataclass(frozen=True)
class Installation:
    """`kind`: clone, wheel, sdist, directory, repository, or package where nothing tells which.

    `path` is the clone, or the directory that holds the packages; `source` what pip was given
    (a file, a directory, an address), empty where it is not known.
    """

    kind: str
    path: Path
    source: str = ""

    def __str__(self) -> str:
        if self.kind == "clone":
            return "a clone"  # which one is in the command's path
        source = f" from {self.source}" if self.source else ""
        return f"{self.kind}{source}, in {self.path}"

    def to_build(self, anew: bool = False) -> str:
        """The command that builds or brings the native programs; `anew`: broken ones."""
        if self.kind == "clone":
            return "make clean, then make setup" if anew else "make setup"
        source = shlex.quote(self.source) if self.source else _UNKNOWN_SOURCE
        return f"{_pip()} --force-reinstall --no-deps {source}"

    def to_get(self, package: str) -> str:
        """The command that brings a Python package which belongs to every installation."""
        return self.to_build() if self.kind == "clone" else f"{_pip()} {package}"

    def to_add(self, extra: str) -> str:
        """The command that installs the Python packages of an optional part, such as `plot`."""
        if self.kind == "clone":
            return f"in tracer's directory: .venv/bin/python -m pip install -e '.[{extra}]'"
        return f"{_pip()} {' '.join(map(shlex.quote, _packages_of(extra)))}"


def not_installed(needs: str, package: str | None, extra: str) -> TracerError:
    """The error (exit status 2) for a Python package of an optional part that is missing; `needs`:
    what needs it, as in `a frame needs`."""
    return TracerError(
        f"{needs} {package}, which is not installed", installation().to_add(extra), exit_code=2
    )


def _pip() -> str:
    """`pip install` into this environment; an environment that uv has made has no pip."""
    python = shlex.quote(sys.executable)
    if importlib.util.find_spec("pip") is None:
        return f"uv pip install --python {python}"
    return f"{python} -m pip install"


def _packages_of(extra: str) -> list[str]:
    """The requirements that tracer's metadata lists for an extra, without their markers."""
    from importlib.metadata import requires

    marker = re.compile(rf"""extra\s*==\s*['"]{extra}['"]""")
    pairs = (line.partition(";") for line in requires(_NAME) or ())
    return [name.strip() for name, _, condition in pairs if marker.search(condition)]


@cache
def installation() -> Installation:
    """This one."""
    packages = Path(tracer.__file__).resolve().parents[1]
    if (packages / "scripts" / "setup.sh").is_file() and (packages / "Makefile").is_file():
        return Installation("clone", packages)
    from importlib.metadata import PackageNotFoundError, distribution  # slow to import

    try:
        text = distribution(_NAME).read_text("direct_url.json")
        origin = json.loads(text or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    kind, source = _origin(origin)
    return Installation(kind, packages, source)


def _origin(origin: object) -> tuple[str, str]:
    """Kind and source in a direct_url.json (PEP 610); pip writes none for a package of an index."""
    if not isinstance(origin, dict) or not isinstance(origin.get("url"), str):
        return "package", ""
    url = origin["url"]
    source = url.removeprefix("file://")
    if "vcs_info" in origin:
        return "repository", f"{origin['vcs_info'].get('vcs', 'git')}+{url}"
    if "dir_info" in origin:
        return "directory", source
    return ("wheel" if url.endswith(".whl") else "sdist"), source
