"""What a shell gets of tracer: completion of words, man pages, pipes that end early."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import BashComplete

from tracer import probes
from tracer.cli import _share
from tracer.cli.main import cli
from tracer.host.named import similar
from workloads import available

TRACER = Path(sys.executable).with_name("tracer")


def completed(*words: str) -> list[tuple[str, str]]:
    """Kind and text of what may stand for the last of these words."""
    shell = BashComplete(cli, {}, "tracer", "_TRACER_COMPLETE")
    found = shell.get_completions(list(words[:-1]), words[-1])
    return [(item.type, item.value) for item in found]


def plain(*words: str) -> list[str]:
    return [value for kind, value in completed(*words) if kind == "plain"]


# ---- completion ----


def test_commands_workloads_and_their_options() -> None:
    assert plain("r") == ["report", "run"]
    assert plain("run", "") == list(available())
    assert plain("run", "thread-brigade", "--transport", "") == ["socketpair", "pipe"]
    assert plain("run", "thread-brigade", "--it") == ["--iters"]
    assert plain("help", "ru") == ["run"]


def test_options_may_stand_before_the_workload() -> None:
    assert plain("run", "--pro") == ["--probe"]
    assert plain("run", "--light", "--pro") == ["--probe"]
    assert plain("run", "--probe", "") == [*probes.names(), "all"]
    assert plain("run", "--probe", "sched,w") == ["sched,waits"]
    assert plain("run", "--probe", "+sy") == ["+syscalls"]
    assert plain("run", "--probe", "sched", "") == [*available(), "--"]
    assert plain("run", "--probe", "sched", "thread-brigade", "--it") == ["--iters"]


def test_paths_of_budgets() -> None:
    for before in (["run", "thread-brigade"], ["run"], ["attach", "1"], ["compare", "a", "b"]):
        assert plain(*before, "--budget", "sched.switches.p") == ["sched.switches.per_unit"]


def test_files_are_left_to_the_shell() -> None:
    for words in (
        ["run", "--json", ""],
        ["report", "x"],
        ["compare", "a.js"],
        ["run", "--", "ls", ""],
    ):
        assert completed(*words) == [("file", words[-1])]


def test_a_command_of_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "serve-it").touch()
    monkeypatch.setenv("PATH", f"/nonexistent:{tmp_path}")
    assert plain("run", "--", "ser") == ["serve-it"]
    assert plain("explain", "why", "--", "ser") == ["serve-it"]
    assert completed("run", "--", "./ser") == [("file", "./ser")]


def test_running_programs_have_names() -> None:
    name = Path(f"/proc/{os.getppid()}/comm").read_text().strip()
    if name in similar(""):
        assert name in plain("attach", name[:2])
    assert plain("attach", "no program is called so") == []


@pytest.mark.parametrize(
    "words",
    [["nothing", ""], ["run", "nothing", ""], ["run", "--nothing", ""], ["attach", "--unit"],
     ["run", "--probe", "no", ""], ["run", "--budget", "x", "--"], ["explain", "nothing", "-"]],
)  # fmt: skip
def test_what_is_wrong_before_the_word_is_no_error(words: list[str]) -> None:
    completed(*words)


@pytest.mark.parametrize("shell", _share.SHELLS)
def test_each_shell_reads_its_script(shell: str, tmp_path: Path) -> None:
    done = subprocess.run([TRACER, "completion", shell], capture_output=True, text=True, check=True)
    script = tmp_path / "script"
    script.write_text(done.stdout)
    assert done.stdout == _share.completion(shell, cli)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not there")
    asked = {
        "bash": f"source {script}; COMP_WORDS=(tracer run thread-b) COMP_CWORD=2"
        " && _tracer_completion tracer && echo ${COMPREPLY[@]}",
        "zsh": f"autoload -U compinit && compinit -u -D && source {script} && echo $_comps[tracer]",
        "fish": f"source {script}; complete -C 'tracer run thread-b'",
    }
    path = {"PATH": f"{TRACER.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    found = subprocess.run([shell, "-c", asked[shell]], env=path, capture_output=True, text=True,
                           check=False)  # fmt: skip
    assert found.stderr == ""
    expected = "_tracer_completion" if shell == "zsh" else "thread-brigade"
    assert found.stdout.split()[0] == expected


def test_bash_splits_a_word_at_its_equals_sign() -> None:
    asked = {"COMP_WORDS": "tracer run thread-brigade --budget = sched.switches.p",
             "COMP_CWORD": "5", "_TRACER_COMPLETE": "bash_complete"}  # fmt: skip
    done = subprocess.run(
        [TRACER], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    assert done.stdout == "plain,sched.switches.per_unit\n"


# ---- man pages ----


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    found = _share.files(cli)
    return {Path(n).name: text for n, text in found.items() if n.startswith("man/")}


def test_every_command_has_a_page_with_its_options(pages: dict[str, str]) -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):  # type: ignore[attr-defined]
        command = cli.get_command(context, name)  # type: ignore[attr-defined]
        text = pages[f"tracer-{name}.1"].replace("\\-", "-")
        for param in command.params:
            assert not isinstance(param, click.Option) or param.opts[-1] in text
    assert {f"tracer-run-{name}.1" for name in available()} <= set(pages)
    assert "tracer run\n[OPTIONS] -- COMMAND" in pages["tracer-run-command.1"].replace("\\-", "-")


def test_man_reads_every_page_without_a_warning(pages: dict[str, str]) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not there")
    for name, text in pages.items():
        done = subprocess.run([groff, "-man", "-Tutf8", "-ww", "-z"], input=text, text=True,
                              capture_output=True, check=False)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), name


def test_a_page_escapes_what_roff_would_take_for_its_own() -> None:
    command = click.Command("x", help=".SH is no section\n\n'quoted' \\n \"text\" a-b",
                            params=[click.Option(["--y"], help=".TP")])  # fmt: skip
    text = _share._manual.page(click.Context(command, info_name="x"))
    lines = text.splitlines()
    assert "\\&.SH is no section" in lines and "\\&.TP" in lines
    assert "\\&'quoted' \\en \\(dqtext\\(dq a\\-b" in lines


# ---- versions, and readers that leave ----


def test_versions_as_json(validate_document: Callable[[Mapping[str, Any]], None]) -> None:
    for words in (["--version", "--json"], ["--json", "--version"]):
        done = subprocess.run([TRACER, *words], capture_output=True, text=True, check=True)
        document = json.loads(done.stdout)
        validate_document(document)
        assert document["tracer"] == cli_version()
    alone = subprocess.run([TRACER, "--json", "list"], capture_output=True, text=True, check=False)
    assert (alone.returncode, alone.stdout) == (2, "")
    assert "--json before a command is for --version" in alone.stderr


def cli_version() -> str:
    done = subprocess.run([TRACER, "--version"], capture_output=True, text=True, check=True)
    found = re.match(r"tracer ([\d.]+), bcc ", done.stdout)
    assert found
    return found[1]


@pytest.mark.parametrize("words", ["list", "help words", "doctor", "run --help", "completion bash"])
def test_a_reader_that_has_read_enough_is_no_failure(words: str, tmp_path: Path) -> None:
    status = tmp_path / "status"
    line = f"({TRACER} {words}; echo $? >{status}) | true"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    # the doctor of a machine with a problem says so to a script all the same
    assert int(status.read_text()) in ((0, 1) if words == "doctor" else (0,))
