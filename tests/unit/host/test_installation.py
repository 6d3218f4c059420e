"""How tracer was installed is told from what pip wrote down, and so is what to type."""

from __future__ import annotations

import json
import shlex
import sys
from importlib import metadata
from pathlib import Path

import pytest

import tracer
from tracer.host import installation as module
from tracer.host.installation import Installation, installation

ROOT = Path(__file__).parents[3]


def test_this_is_a_clone() -> None:
    assert installation() == Installation("clone", ROOT)
    assert installation().to_build() == "make setup"
    assert "'.[plot]'" in installation().to_add("plot")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages lie in a site-packages, whose metadata is in the directory that is returned."""
    monkeypatch.setattr(tracer, "__file__", str(tmp_path / "tracer" / "__init__.py"))
    info = tmp_path / "tracer-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: tracer\nVersion: 0.1.0\n")
    monkeypatch.setattr(metadata, "distribution", lambda _name: metadata.PathDistribution(info))
    installation.cache_clear()
    monkeypatch.setattr(module.sys, "executable", "/a venv/bin/python")
    yield info
    installation.cache_clear()


@pytest.mark.parametrize(
    ("origin", "kind", "source"),
    [
        ({"url": "file:///d/tracer-0.1.0-py3-none-linux_x86_64.whl", "archive_info": {}},
         "wheel", "/d/tracer-0.1.0-py3-none-linux_x86_64.whl"),
        ({"url": "file:///d/tracer-0.1.0.tar.gz", "archive_info": {}},
         "sdist", "/d/tracer-0.1.0.tar.gz"),
        ({"url": "file:///home/me/tracer", "dir_info": {}}, "directory", "/home/me/tracer"),
        ({"url": "https://example.org/t.git", "vcs_info": {"vcs": "git"}},
         "repository", "git+https://example.org/t.git"),
        (None, "package", ""),
    ],
)  # fmt: skip
def test_what_pip_was_given(
    elsewhere: Path, origin: dict[str, object] | None, kind: str, source: str
) -> None:
    if origin is not None:
        (elsewhere / "direct_url.json").write_text(json.dumps(origin))
    found = installation()
    assert (found.kind, found.source, found.path) == (kind, source, elsewhere.parent)
    asked = found.to_build()
    assert asked.startswith("'/a venv/bin/python' -m pip install --force-reinstall --no-deps ")
    assert asked.endswith(source or "source archive")
    assert "make" not in str(found) + asked + found.to_build(anew=True) + found.to_get("py-spy")


def test_an_environment_without_pip_was_made_by_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _name: None)
    asked = Installation("wheel", Path("/v"), "/d/t.whl").to_build()
    python = shlex.quote(sys.executable)
    assert asked == f"uv pip install --python {python} --force-reinstall --no-deps /d/t.whl"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 5}'])
def test_what_pip_wrote_down_can_be_broken(elsewhere: Path, text: str) -> None:
    (elsewhere / "direct_url.json").write_text(text)
    assert installation().kind == "package"


def test_an_extra_is_installed_by_its_packages() -> None:
    assert Installation("wheel", Path("/v")).to_add("record") == (
        f"{sys.executable} -m pip install 'duckdb>=1.4' 'pyarrow>=18'"
    )


def test_only_a_clone_is_told_to_make_something() -> None:
    """Texts for users ask `installation()` what to type."""
    for package in ("tracer", "workloads"):
        for file in (ROOT / package).rglob("*.py"):
            if file != Path(module.__file__):
                assert "make setup" not in file.read_text(), file
                assert "pip install -e" not in file.read_text(), file
