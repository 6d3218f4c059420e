"""`tracer explain --from FILE`: the same answer again, or why there is none."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import sixteen_cpus

from tracer.analysis.pinning.recorded import Recorded
from tracer.report import pinning as report

ROOT = Path(__file__).parents[3]
REAL = ROOT / "tests" / "data" / "reports" / "tracer.explain-2.json.gz"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return written(sixteen_cpus.recorded())


def written(kept: Recorded) -> dict[str, Any]:
    """The JSON document of a recorded experiment."""
    data = report.document(
        kept.explained(), kept.line, kept.unit, kept.rounds, kept.host, load=kept.load,
        kept=kept.kept(),
    )  # fmt: skip
    return json.loads(json.dumps(data))  # type: ignore[no-any-return]


def told(*words: str) -> tuple[int, str, str]:
    """Status, output and messages of `tracer explain` with these words, as an ordinary user."""
    done = subprocess.run(
        [sys.executable, "-m", "tracer", "explain", *words],
        cwd=ROOT, text=True, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_a_report_gives_its_own_answer_again(
    document: dict[str, Any],
    tmp_path: Path,
    validate_document,  # type: ignore[no-untyped-def]
) -> None:
    validate_document(document)
    assert written(Recorded.from_document(document)) == document
    file, again = tmp_path / "x.json", tmp_path / "again.json"
    file.write_text(json.dumps(document))
    status, out, err = told("--from", str(file), "--json", str(again))
    assert (status, err) == (0, "")
    assert json.loads(again.read_text()) == document
    shown = " ".join(out.split())
    assert document["answer"][0] in shown
    assert "had no effect here: no idle driver asks for the latency" in shown
    assert "cause 8. placement prefers an idle CPU to the waker's" in shown
    assert "and a calibration (two threads on one CPU)" in shown


def test_a_real_report_of_two_cpus_is_answered_as_it_was() -> None:
    """Four blocks, of which two met a busy host; the names of programs are left out."""
    data = json.loads(gzip.decompress(REAL.read_bytes()))
    kept = Recorded.from_document(data)
    x = kept.explained()
    assert kept.load.left_out == {1, 3} and x.blocks == 2
    steps = {step.label: step for step in x.steps}
    assert {step["label"]: step["ns"]["median"] for step in data["steps"]} == {
        label: step.ns.median for label, step in steps.items()
    }
    assert all(step.no_effect is None for step in steps.values()), "each change acted"
    verdicts = {v.theory.number: v.verdict for v in x.verdicts}
    assert {n for n, verdict in verdicts.items() if verdict == "seen once"} == {1, 3, 4, 5, 6, 7, 8}
    assert not set(verdicts.values()) & {"cause", "contributes", "refuted"}
    seen = {v.theory.number: v.signal.text for v in x.verdicts if v.signal is not None}
    assert seen[7] == (
        "with two or more runnable threads 95.0 % of the wake-ups cross, with one 1.5 %; only the"
        " target's own threads are counted"
    )
    assert x.checked is None, "the runs to predict from met a busy host"


def test_nothing_of_the_machine_where_it_is_read_enters(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPUs, the host and its clock are those of the file."""

    def asked(*_: object) -> None:
        raise AssertionError("this machine was asked")

    monkeypatch.setattr(os, "sched_getaffinity", asked)
    monkeypatch.setattr(os, "cpu_count", asked)
    monkeypatch.setattr(os, "sysconf", asked)
    monkeypatch.setattr(Path, "read_text", asked)
    monkeypatch.setattr(Path, "read_bytes", asked)
    kept = Recorded.from_document({**document, "cpus": 16})
    assert [(rung.cpus, rung.label) for rung in kept.explained().rungs] == [
        (1, "one CPU"), (16, "unpinned")
    ]  # fmt: skip
    assert written(kept)["rungs"][-1]["cpus"] == 16
    assert written(kept)["host"] == document["host"]


def test_only_the_runs_count_not_the_answer_in_the_file(
    document: dict[str, Any], tmp_path: Path
) -> None:
    changed = {**document, "answer": ["Nothing."], "theories": [], "steps": [], "prediction": None}
    file = tmp_path / "x.json"
    file.write_text(json.dumps(changed))
    status, out, _ = told("--from", str(file), "--json", "-")
    assert status == 0 and json.loads(out) == document


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema": "tracer.explain/1"}', "is of the schema tracer.explain/1; the answer is given"
         " again from tracer.explain/2"),
        ('{"schema": "tracer.run/2"}', "is of the schema tracer.run/2"),
        ("[1]", "is of the schema None"),
        ("{", "is not a JSON report"),
        ('{"schema": "tracer.explain/2", "question": "async"}', "keeps no runs of `explain pin"),
        ('{"schema": "tracer.explain/2", "question": "pinning"}', "keeps no runs of"),
        ('{"schema": "tracer.explain/2", "question": "pinning", "trials": [{}]}', "is incomplete:"
         " KeyError 'trial'"),
        (None, "cannot read"),
    ],
)  # fmt: skip
def test_what_is_no_such_report_is_refused(
    content: str | None, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "x.json"
    if content is not None:
        file.write_text(content)
    status, out, err = told("--from", str(file))
    assert (status, out) == (2, "")
    assert message in " ".join(err.split())
    assert "sudo tracer explain pinning --json FILE" in err and "Traceback" not in err


def test_several_reports_are_answered_as_of_many_hosts(
    document: dict[str, Any],
    tmp_path: Path,
    validate_document,  # type: ignore[no-untyped-def]
) -> None:
    """Two of one kind, one of another; without an engine and without rights."""
    other = {**document, "host": {**document["host"], "cpu": "another"}}
    for name, data in (("n1", document), ("n2", document), ("n3", other)):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    files = [str(tmp_path / f"n{n}.json") for n in (1, 2, 3)]
    status, out, err = told("--from", *files, "--json", "-")
    assert (status, err) == (0, "")
    fleet = json.loads(out)
    validate_document(fleet)
    assert [group["hosts"] for group in fleet["groups"]] == [["n1", "n2"], ["n3"]]
    assert [host["verdict"] for host in fleet["hosts"]] == ["slower"] * 3
    assert fleet["hosts"][0]["document"] == document
    assert fleet["across"][0]["measure"] == "unpinned / pinned"
    status, out, _ = told("--from", *files)
    assert status == 0 and "unpinned is slower on n1, n2, n3" in out
    assert "\n  n1, n2, n3: cause: " in out
    assert "; placement prefers an idle CPU to the waker's" in " ".join(out.split())
    status, out, err = told("--from", files[0], str(tmp_path / "none.json"))
    assert (status, out) == (2, "") and "cannot read" in err


def test_alone_it_shows_its_help_and_before_a_question_the_option_is_refused() -> None:
    status, out, _ = told()
    assert status == 0 and "--from FILE" in out
    status, _, err = told("--from", "x.json", "pinning")
    assert status == 2 and "--from runs nothing, so it stands without pinning" in err
