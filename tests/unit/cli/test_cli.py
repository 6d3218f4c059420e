"""The command line, without root: what is refused and how, and what is handed on."""

from __future__ import annotations

import dataclasses
import importlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from harness.summarized import planted_summaries, planted_summary

import workloads
from tracer import probes
from tracer.analysis.run.ledger import Ledger
from tracer.cli import main as entry
from tracer.cli._command import CommandRun, command_of_user
from tracer.cli.run import RunOptions, workload_command
from tracer.model.states import OWN_PARTS, PATH_PARTS
from tracer.model.trial import HostShare

Run = Callable[..., tuple[int, str, str]]
#: Longer than the name of a file can be.
LONG = 300 * "x"


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command line in this process; exit status, standard output and error.

    A measurement never starts: to get as far as one is a failure of the test.
    """
    import tracer.experiment.one
    import tracer.experiment.pairs
    import tracer.experiment.watching

    def never(*_: object) -> None:
        raise AssertionError("a measurement was started")

    monkeypatch.setattr(tracer.experiment.pairs, "measure", never)
    monkeypatch.setattr(tracer.experiment.one, "run_command", never)
    monkeypatch.setattr(tracer.experiment.watching, "attached", never)
    monkeypatch.setattr(entry.signal, "signal", lambda *_: signal.SIG_DFL)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tracer", *words])
        with pytest.raises(SystemExit) as ended:
            entry.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


Parsed = Callable[..., RunOptions]
ParsedCommand = Callable[..., CommandRun]


def _handed_on(monkeypatch: pytest.MonkeyPatch, tracer: Run, module: str) -> Callable[..., Any]:
    """Calls `tracer run` and gives what it would hand to the function `run` of that module."""
    handed: list[Any] = []

    def instead(chosen: Any) -> int:
        handed.append(chosen)
        return 0

    monkeypatch.setattr(importlib.import_module(module), "run", instead)

    def call(*words: str) -> Any:
        handed.clear()
        status, _out, err = tracer("run", *words)
        assert status == 0, err
        return handed[0]

    return call


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch, tracer: Run) -> Parsed:
    """What `tracer run WORKLOAD` would work with."""
    return _handed_on(monkeypatch, tracer, "tracer.cli.run")


# ---- what is refused ----


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("run", "asinc-brigade"), "async-brigade"),
        (("run", "threadbrigade"), "thread-brigade"),
        (("runn", "async-brigade"), "run"),
        (("lst",), "list"),
        (("run", "async-brigade", "--probe", "schd"), "sched"),
        (("run", "async-brigade", "--probe", "sched,syscals"), "syscalls"),
        (("run", "async-brigade", "--iter", "5"), "--iters"),
        (("run", "async-brigade", "--task", "5"), "--tasks"),
        (("run", "async-brigade", "--no-baselin"), "--no-baseline"),
        (("run", "--prob", "sched", "async-brigade"), "--probe"),
        (("run", "--prob=sched", "async-brigade"), "--probe"),
        (("run", "--probe", "sched", "asinc-brigade"), "async-brigade"),
        (("explain", "pining"), "pinning"),
        (("help", "runn"), "run"),
        (("help", "run", "asinc-brigade"), "async-brigade"),
        (("help", "explain", "pining"), "pinning"),
        (("help", "words", "prempted"), "preempted"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(
    tracer: Run, words: tuple[str, ...], near: str
) -> None:
    status, out, err = tracer(*words)
    assert status == 2
    assert near in err
    assert out == ""


@pytest.mark.parametrize(
    "words",
    [
        ("run", "zzz"),
        ("zzz",),
        ("run", "async-brigade", "--probe", "zzz"),
        ("run", "async-brigade", "--zzz"),
        ("run", "async-brigade", "--probe", ""),
        ("run", "async-brigade", "--probe", "sched,"),
        ("run", "async-brigade", "surplus"),
        ("run", "async-brigade", "--flavor", "zzz"),
        ("run", "thread-brigade", "--flavor", "current-thread"),
        ("run", "--tasks", "5"),
        ("run", "--light"),
        ("run", "--zzz", "async-brigade"),
        ("run", "--tasks", "async-brigade"),
        ("run", "--light=1", "async-brigade"),
        ("run", "async-brigade", "--sample", "8"),
        ("run", "async-brigade", "--sample", "2/8"),
        ("run", "async-brigade", "--sample", "1/1"),
        ("run", "async-brigade", "--sample", "1/1001"),
        ("run", "async-brigade", "--sample", "1/8", "--light"),
        ("run", "async-brigade", "--sample", "1/8", "--record", "x"),
        ("run", "--sample", "1/8", "--probe", "stacks", "--", "ls"),
        ("run", "--sample", "1/8", "--probe", "+io_uring", "--", "ls"),
        ("attach", "1", "--sample", "1/8", "--interval", "1"),
        ("run", "--probe", "sched", "zzz"),
        ("run", "--units", "5", "async-brigade"),
        ("run", "--tasks", "5", "--", "ls"),
        ("run", "--probe", "--", "ls"),
        ("run", "COMMAND"),
        ("help", "zzz"),
        ("help", "words", "zzz"),
        ("help", "run", "zzz"),
        ("help", "list", "words"),
        ("explain", "zzz"),
        ("list", "surplus"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_message(tracer: Run, words: tuple[str, ...]) -> None:
    status, out, err = tracer(*words)
    assert status == 2
    assert err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize("value", ["0", "-1", "x", "", "1.5", "1e3"])
@pytest.mark.parametrize("option", ["tasks", "iters", "rounds", "workers"])
def test_bad_counts(tracer: Run, option: str, value: str) -> None:
    status, _out, err = tracer("run", "async-brigade", f"--{option}={value}")
    assert status == 2
    assert f"--{option}" in err


@pytest.mark.parametrize("value", ["-1", "x", "1001"])
def test_bad_top(tracer: Run, value: str) -> None:
    assert tracer("run", "async-brigade", f"--top={value}")[0] == 2


@pytest.mark.parametrize("value", ["", "x", "3-1", "99999", "0,"])
def test_bad_cpus(tracer: Run, value: str) -> None:
    status, _out, err = tracer("run", "async-brigade", "--cpus", value)
    assert status == 2
    assert "--cpus" in err


@pytest.mark.parametrize("option", ["--tasks", "--probe", "--cpus", "--json"])
def test_an_option_without_its_value(tracer: Run, option: str) -> None:
    status, _out, err = tracer("run", "async-brigade", option)
    assert status == 2
    assert option in err


def test_an_ordinary_user_is_told_the_command(tracer: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("tracer.host.user")
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(module, "has_capability", lambda _name: False)
    status, out, err = tracer("run", "async-brigade", "--iters", "10")
    assert status == 1
    assert out == ""
    assert "needs root" in err
    assert "sudo tracer run async-brigade --iters 10" in err


def test_wrong_usage_is_said_before_missing_rights(
    tracer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("tracer.host.user")
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    assert tracer("run", "async-brigade", "--probe", "zzz")[0] == 2


def test_a_json_file_that_cannot_be_written(tracer: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("tracer.host.user")
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    status, _out, err = tracer("run", "async-brigade", "--json", "/nonexistent/file")
    assert status == 2
    assert "/nonexistent/file" in err


# ---- what is handed on ----


def test_defaults(parsed: Parsed) -> None:
    chosen = parsed("async-brigade")
    condition, tracing = chosen.condition, chosen.tracing
    assert condition.workload == "async-brigade"
    values = condition.values
    assert (values["tasks"], values["iters"], values["warmups"]) == (500, 10_000, 100)
    assert (chosen.rounds, tracing.top, tracing.probes) == (5, 0, probes.DEFAULT)
    assert not tracing.light
    assert condition.cpus == ()
    assert values["workers"] is None


WORDS = (
    ("--tasks", "7"),
    ("--probe", "sched"),
    ("--iters=8",),
    ("--light",),
    ("--cpus", "0"),
    ("--warmups", "0"),
    ("--top", "3"),
    ("--probe", "syscalls"),
    ("--no-follow",),
    ("--json", "-"),
)


@pytest.mark.parametrize("turn", range(len(WORDS)))
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name_at", [0, 4, len(WORDS)])
def test_options_in_any_order(parsed: Parsed, turn: int, backwards: bool, name_at: int) -> None:
    words = [*WORDS[turn:], *WORDS[:turn]]
    if backwards:
        words.reverse()
    words.insert(name_at, ("thread-brigade",))
    chosen = parsed(*(word for group in words for word in group))
    values, tracing = chosen.condition.values, chosen.tracing
    assert chosen.condition.workload == "thread-brigade"
    assert (values["tasks"], values["iters"], values["warmups"], tracing.top) == (7, 8, 0, 3)
    assert tracing.probes == ("sched", "syscalls")
    assert tracing.light
    assert not chosen.follow
    assert chosen.rounds == 5
    assert (chosen.condition.cpus, chosen.json_path) == ((0,), "-")


def test_every_option_of_a_workload_may_stand_before_its_name(parsed: Parsed) -> None:
    for name, workload in workloads.available().items():
        command = workload_command(workload)
        words, flags = [], []
        for param in command.params:
            # not together with the options of probe stacks
            if not isinstance(param, click.Option) or param.name in ("light", "one_in"):
                continue
            if param.is_flag:
                flags.append(param.opts[0])
            elif param.name == "probe":
                words += ["--probe", "sched"]
            elif isinstance(param.type, click.Choice):
                words.append(f"{param.opts[0]}={param.type.choices[-1]}")
            else:
                value = {"cpus": "0", "budgets": "window_ns<=1", "json_path": name, "grid": "70"}
                words += [param.opts[0], value.get(str(param.name), "7")]
        before, after = parsed(*words, *flags, name), parsed(name, *words, *flags)
        assert before == after
        assert before.condition.workload == before.json_path == name
        assert before.condition.values["tasks"] == 7
        assert before.tracing.sampling.grid_ns == 70_000 and before.rounds == 0


@pytest.mark.parametrize("words", [("--probe", "stacks"), ("--folded", "x"), ("--by", "task")])
def test_light_sees_no_calls_and_samples_nothing(tracer: Run, words: tuple[str, ...]) -> None:
    status, _out, err = tracer("run", "--light", *words, "--", "true")
    assert status == 2
    assert f"leave out --light or {' '.join(words) if words[0] == '--probe' else words[0]}" in err


def test_a_value_that_is_a_workloads_name_is_a_value(parsed: Parsed) -> None:
    chosen = parsed("--json", "thread-brigade", "async-brigade", "--iters", "9")
    assert (chosen.json_path, chosen.condition.workload) == ("thread-brigade", "async-brigade")
    assert chosen.condition.values["iters"] == 9


def test_all_forms_of_run_agree_which_options_take_a_value() -> None:
    """Otherwise the workload's name after an option could not be told from the option's value."""
    takes: dict[str, set[bool]] = {}
    commands = [*map(workload_command, workloads.available().values()), command_of_user()]
    for command in commands:
        for param in command.params:
            if isinstance(param, click.Option):
                for name in param.opts:
                    takes.setdefault(name, set()).add(bool(param.is_flag))
    assert {name for name, found in takes.items() if len(found) > 1} == set()


def test_no_workload_has_an_option_of_tracers_own() -> None:
    for workload in workloads.available().values():
        names = [name for param in workload_command(workload).params for name in param.opts]
        assert len(names) == len(set(names)), workload.name


@pytest.mark.parametrize(
    "words",
    [
        ("async-brigade", "--no-baseline"),
        ("--no-baseline", "async-brigade"),
        ("--no-baseline", "async-brigade", "--rounds", "9"),
    ],
)
def test_no_baseline_leaves_the_pairs_out(parsed: Parsed, words: tuple[str, ...]) -> None:
    assert parsed(*words).rounds == 0


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (("sched",), ("sched",)),
        (("syscalls,sched",), ("sched", "syscalls")),
        (("syscalls", "sched"), ("sched", "syscalls")),
        (("sched,sched",), ("sched",)),
        ((" sched , syscalls ",), ("sched", "syscalls")),
        (("all",), ("sched", "syscalls")),
        (("sched,all",), ("sched", "syscalls")),
        (("+epoll",), ("epoll", *probes.DEFAULT)),
        (("stacks", "+epoll"), ("epoll", *sorted((*probes.DEFAULT, "stacks")))),
    ],
)
def test_probes(text: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert set(names) <= set(probes.chosen(text))
    every = "all" in text[0].split(",")  # which `syscalls` contains
    assert probes.chosen(text) == (tuple(probes.names()) if every else names)


def test_it_waits_for_a_quiet_host_only_where_asked(parsed: Parsed) -> None:
    assert parsed("async-brigade").wait_quiet is None
    assert parsed("--wait-quiet", "2.5", "async-brigade").wait_quiet == 2.5


def test_a_quiet_host_that_does_not_come_ends_a_run_before_it_begins(
    tracer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("tracer.experiment.surroundings.look", lambda: HostShare(0.43, 0.0))
    words = ("run", "--wait-quiet", "0.01")
    for more, code in ((("--", "true"), 125), (("thread-brigade", "--runtime", "python"), 1)):
        status, out, err = tracer(*words, *more)
        assert (status, out) == (code, "")
        assert "no quiet host in 0.01 s: at the end other programs used 43 % of the CPUs" in err


def test_a_workloads_command() -> None:
    workload = workloads.available()["async-brigade"]
    values = {option.name: option.default for option in workload.options}
    argv = workload.argv({**values, "tasks": 3})
    assert argv[0].endswith("/async-brigade")
    words = list(argv[1:])
    assert dict(zip(words[::2], words[1::2], strict=True)) == {
        "--tasks": "3",
        "--iters": "10000",
        "--warmups": "100",
        "--tokens": "1",
        "--work": "0",
        "--transport": "socketpair",
    }


@pytest.mark.parametrize("name", ["async-brigade", "thread-brigade"])
def test_the_twin_in_python_stands_in_for_a_program_that_is_not_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    workload = workloads.available()[name]
    values = {option.name: option.default for option in workload.options}
    module = f"workloads.python.{name.replace('-', '_')}"
    twin = workload.argv({**values, "runtime": "python"})
    assert twin[:3] == (sys.executable, "-m", module)
    assert "--runtime" not in twin
    monkeypatch.setattr(workloads, "NATIVE", tmp_path)
    assert workload.argv(values) == twin
    assert workload.transport_of(values) == "socketpair, in Python"
    native = workload.argv({**values, "runtime": "native"})
    assert native[0] == str(tmp_path / name)
    assert not workload.in_python({**values, "runtime": "native"})


def test_native_is_an_error_where_it_is_not_built(
    monkeypatch: pytest.MonkeyPatch, tracer: Run, tmp_path: Path
) -> None:
    monkeypatch.setattr(workloads, "NATIVE", tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    status, _out, err = tracer("run", "thread-brigade", "--runtime", "native")
    assert status == 1
    assert "not built" in err and "make setup" in err


def test_a_flag_is_passed_on_without_a_value() -> None:
    workload = workloads.available()["uring-brigade"]
    values = {option.name: option.default for option in workload.options}
    assert "--sqpoll" not in workload.argv(values)
    assert workload.argv({**values, "sqpoll": True})[-1] == "--sqpoll"


# ---- what is printed ----


def test_list(tracer: Run) -> None:
    status, out, _err = tracer("list")
    assert status == 0
    for name in ("async-brigade", "thread-brigade", "sched", "syscalls"):
        assert name in out
    assert max(map(len, out.splitlines())) <= 100


def test_help_words(tracer: Run) -> None:
    from tracer.model.words import WORDS as MEANINGS

    status, out, _err = tracer("help", "words")
    assert status == 0
    assert set(MEANINGS) <= set(out.splitlines())


@pytest.mark.parametrize("word", ["preempted", "Preempted", "I/O", "i/o", "context switch"])
def test_help_explains_one_word(tracer: Run, word: str) -> None:
    from tracer.model.words import WORDS as MEANINGS

    status, out, _err = tracer("help", "words", *word.split())
    (name,) = (name for name in MEANINGS if name.lower() == word.lower())
    assert status == 0
    assert " ".join(out.split()) == f"{name} {MEANINGS[name]}"


@pytest.mark.parametrize(
    ("word", "name"), [("p99", "p50, p90, p99"), ("+-", "sampling error (+-)")]
)
def test_help_finds_a_word_in_the_name_of_another(tracer: Run, word: str, name: str) -> None:
    status, out, _err = tracer("help", "words", word)
    assert (status, out.splitlines()[0]) == (0, name)


@pytest.mark.parametrize(
    "words",
    [(), ("run",), ("run", "async-brigade"), ("explain",), ("explain", "pinning"), ("sweep",),
     ("help",), ("attach",)],
)  # fmt: skip
def test_help_of_a_command_is_what_its_own_option_shows(
    tracer: Run, words: tuple[str, ...]
) -> None:
    status, out, _err = tracer("help", *words)
    assert status == 0
    assert (0, out) == tracer(*words, "--help")[:2]


@pytest.mark.parametrize("words", [(), ("run",), ("explain",)])
def test_summaries_of_commands_are_whole(
    tracer: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _status, out, _err = tracer(*words, "--help")
    assert "..." not in out.split("Commands:")[1]
    assert max(map(len, out.splitlines())) <= 80


def test_each_command_has_its_summary_on_one_line(
    tracer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _status, out, _err = tracer("--help")
    lines = out.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in lines] == entry.cli.list_commands(click.Context(entry.cli))
    assert all(line.endswith(".") for line in lines)


def test_version(tracer: Run) -> None:
    from tracer import __version__

    status, out, _err = tracer("--version")
    assert status == 0
    assert out.startswith(f"tracer {__version__}, bcc ")


@pytest.mark.parametrize(
    "words",
    [("--help",), ("-h",), ("run", "--help"), ("run", "async-brigade", "-h"), ("list", "-h")],
)
def test_help(tracer: Run, words: tuple[str, ...]) -> None:
    status, out, _err = tracer(*words)
    assert status == 0
    assert out.startswith("Usage: tracer")


@pytest.mark.parametrize("words", [(), ("run",)])
def test_without_a_command_the_help_is_shown(tracer: Run, words: tuple[str, ...]) -> None:
    status, out, err = tracer(*words)
    assert (status, out) == (2, "")
    assert err.startswith("Usage: tracer")
    assert "Commands:" in err


def test_python_m_tracer() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tracer", "run", "asinc-brigade"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "async-brigade" in done.stderr
    assert done.stdout == ""


def test_output_into_a_closed_pipe() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m tracer help words | true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("run thread-brigade --budget sched.swtches.per_unit<=1", "sched has no 'swtches'"),
        ("run thread-brigade --budget idle.path.delivery<=1", "the probe idle is off"),
        ("run thread-brigade --light --budget syscalls.read.calls<=1", "with --light"),
        ("run --budget sched.switches.per_unit<=1 -- true", "--units N, or --unit-from"),
        ("attach 1 --budget sched.switches.per_unit<=1", "only sums are known"),
        ("attach 1 --budget sched<=1", "is no number in a report"),
        ("compare thread-brigade thread-brigade --budget futex.x<=1", "the probe futex is off"),
        ("compare a b --untraced --budget window_ns<=1", "with --untraced B has no report"),
        ("compare --budget syscalls.read.per_unit<=1 -- true true", "--unit-from REGEX"),
        ("compare --budget syscalls.read.per_unit<=1 -- /bin/sh /bin/sh", "--unit-from REGEX"),
        (f"compare --budget syscalls.read.per_unit<=1 -- {LONG} {LONG}", "--unit-from REGEX"),
    ],
)
def test_a_budget_that_leads_nowhere_is_refused_before_anything_is_measured(
    tracer: Run, words: str, why: str
) -> None:
    status, out, err = tracer(*words.split())
    assert (status, out) == (2, "")
    assert "--budget " in err and why in err


# ---- commands and processes of the user's ----


def test_a_line_may_be_longer_than_the_name_of_a_file(tracer: Run) -> None:
    status, _out, err = tracer("compare", LONG, "thread-brigade")
    assert status == 2 and "no workload is called" in err


def test_a_command_that_is_a_file_is_no_saved_report(tracer: Run, tmp_path: Path) -> None:
    """Many hosts can be asked for it: what is refused is the scheduler's address."""
    pytest.importorskip("distributed")
    status, _out, err = tracer("compare", "--on", "here", "--", "/bin/sh", "/bin/sh")
    assert status == 2 and "is not the address of a scheduler" in err
    (tmp_path / "a.json").touch()
    status, _out, err = tracer("compare", "--on", "here", f"{tmp_path}/a.json", "thread-brigade")
    assert status == 2 and "saved reports have been run" in " ".join(err.split())


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tracer: Run) -> ParsedCommand:
    """What `tracer run [options] -- COMMAND` would work with."""
    return _handed_on(monkeypatch, tracer, "tracer.cli._command")


def test_an_option_of_stacks_chooses_the_probe(parsed: Parsed, command: ParsedCommand) -> None:
    with_stacks = tuple(sorted((*probes.DEFAULT, "stacks")))
    assert parsed("async-brigade").tracing.probes == probes.DEFAULT
    assert parsed("async-brigade", "--grid", "50").tracing.probes == with_stacks
    assert parsed("async-brigade", "--grid", "50", "--probe", "idle").tracing.probes == (
        "idle", "stacks"
    )  # fmt: skip
    assert command("--grid", "99", "--", "true").tracing.probes == with_stacks
    assert command("--probe", "sched", "--", "true").tracing.probes == ("sched",)
    deep = command("--python-frames", "--probe", "sched", "--", "python3.12", "x.py")
    assert deep.tracing.probes == ("sched", "stacks")
    assert deep.spec.env == {"PYTHONPERFSUPPORT": "1"}
    assert deep.tracing.sampling.stack_bytes == 16384


def test_what_stands_behind_the_dashes_is_the_commands(command: ParsedCommand) -> None:
    chosen = command("--units", "5", "--probe", "sched", "--", "ls", "--units", "7", "--", "-l")
    assert chosen.spec.argv == ("ls", "--units", "7", "--", "-l")
    assert (chosen.window.units, chosen.tracing.probes) == (5, ("sched",))
    assert command("--", "--help").spec.argv == ("--help",)
    assert command("--", "thread-brigade").spec.argv == ("thread-brigade",)
    assert command("--probe", "sched", "--", "ls").spec.argv == ("ls",)


def test_a_command_is_started_once_unless_told_otherwise(command: ParsedCommand) -> None:
    assert not command("--", "ls").baseline
    assert not command("--no-baseline", "--", "ls").baseline
    assert command("--baseline", "--", "ls").baseline


def test_a_workload_keeps_its_own_options(parsed: Parsed) -> None:
    assert parsed("thread-brigade", "--tasks", "3").condition.values["tasks"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--"), "the command is missing"),
        (("run", "--json", "-", "--", "ls"), "standard output is the command's"),
        (("run", "--baseline", "--delay", "1", "--", "ls"), "compares whole runs"),
        (("run", "--unit-from", "n ([0-9]+)", "--delay", "1", "--", "ls"), "counts a whole run"),
        (("run", "--unit-from", "(1)", "--units", "1", "--", "ls"), "contradict each other"),
        (("run", "--unit-from", "n [0-9]+", "--", "ls"), "has no group: put the number in"),
        (("explain", "--quick", "--"), "the command is missing"),
        (("explain", "why", "ls"), "the command goes after `--`: tracer explain -- COMMAND"),
        (("explain", "--rouns", "3", "--", "ls"), "No such option '--rouns'"),
        (("explain", "--unit-from", "(1)", "--units", "1", "--", "ls"), "contradict each other"),
        (("run", "--unit-from", "n (", "--", "ls"), "is not a regular expression"),
        (
            ("compare", "--unit-from", "n (1)", "one-thread-brigade", "one-thread-brigade"),
            "--unit-from is for commands",
        ),
        (("run", "--duration", "0", "--", "ls"), "'0' is not a time in seconds"),
        (("run", "--delay", "nan", "--", "ls"), "'nan' is not a time in seconds"),
        (("run", "--baseline", "--no-baseline", "--", "ls"), "contradict each other"),
        (("run", "ls", "-l"), "A command of your own goes after `--`: tracer run -- ls"),
        (("run", "--probe", "sched", "ls", "/"), "tracer run --probe sched -- ls /"),
        (("run", "--json", "async-brigade"), "'async-brigade' is the value of --json"),
        (("attach",), "name processes"),
        (("attach", "0"), "is not in the range"),
        (("attach", "--cgroup", "../nowhere"), "there is no control group"),
        (("compare", "--", "true", "''x'"), "is not a command line"),
        (("compare", "--", "true", ""), "an empty command line"),
    ],
)
def test_wrong_use_with_commands_and_processes(
    tracer: Run, words: tuple[str, ...], message: str
) -> None:
    status, out, err = tracer(*words)
    assert (status, out) == (2, "")
    assert message in " ".join(err.split())


@pytest.mark.parametrize("words", [("run", "--help", "--"), ("attach", "--help")])
def test_help_names_every_option(tracer: Run, words: tuple[str, ...]) -> None:
    status, out, _err = tracer(*words)
    assert status == 0
    assert max(map(len, out.splitlines())) <= 100
    for option in ("--duration", "--no-follow", "--light", "--json", "--budget", "--top"):
        assert option in out


# ---- reports that are not to be trusted ----


CLOSED = {
    "wall": Ledger(100, {**dict.fromkeys(PATH_PARTS[:-1], 0), "user": 100}),
    "threads": Ledger(100, {**dict.fromkeys(OWN_PARTS, 0), "user": 100}),
    "cpu": Ledger(200, {**dict.fromkeys(planted_summary().cpu.parts, 0), "target_user": 200}),
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"losses": {"state_race": 2}}, "2 events lost (2 state race)"),
        (
            {"wall": planted_summary().wall},
            "the ledger of the path is open, 15.0 % of it has no name",
        ),
        ({"threads": planted_summary().threads}, "the ledger of threads is open, 77.0 %"),
    ],
)
@pytest.mark.parametrize(
    ("words", "statuses"),
    [
        (("attach", "7"), (0, 3)),
        (("attach", "7", "--interval", "1"), (0, 3)),
        (("attach", "7", "--budget", "window_ns<=1"), (4, 3)),
        (("run", "--", "make"), (0, 0)),
        (("run", "--strict", "--", "make"), (0, 3)),
        (("run", "thread-brigade"), (0, 3)),
    ],
)
def test_the_status_and_the_first_line_of_what_is_not_to_be_trusted(
    tracer: Run,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    statuses: tuple[int, int],
    change: dict[str, Any],
    reason: str,
) -> None:
    one = importlib.import_module("tracer.experiment.one")
    kind = "attach" if words[0] == "attach" else "command" if "--" in words else "all"
    good = dataclasses.replace(planted_summaries()[kind], **CLOSED)
    bad = dataclasses.replace(good, **change)
    windows = [good, bad, good] if "--interval" in words else [bad]
    monkeypatch.setattr(one, "trace_processes", lambda *_, **__: iter(windows))
    monkeypatch.setattr(one, "trace_command", lambda *_, **__: bad)
    monkeypatch.setattr(one, "trace_workload", lambda *_, **__: one.Measurement(bad))
    status, out, err = tracer(*words)
    assert status == statuses[bool(reason)]
    report = err if kind == "command" else out
    assert report.count("NOT TO BE TRUSTED: ") == bool(reason)
    if reason and len(windows) == 1:
        assert f"NOT TO BE TRUSTED: {reason}" in report.replace("\n  ", " ").splitlines()[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_in_a_destructor_is_not_lost(number: signal.Signals) -> None:
    """Python drops the exceptions of destructors, and of the callbacks of weak references."""
    program = f"""
import os, time
from tracer.cli import main as module

class Dropped:
    def __del__(self):
        os.kill(os.getpid(), {int(number)})
        for _ in range(1000):
            pass

def command(**_settings):
    Dropped()
    time.sleep(60)

module.cli.main = command
module.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 128 + number
    assert done.stderr == (f"tracer: ended by {number.name}; what it had started was ended too\n")
