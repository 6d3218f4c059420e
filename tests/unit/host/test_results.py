"""Results of many hosts as Parquet, and one query over all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tracer.analysis.results_query import VIEWS, query
from tracer.errors import TracerError
from tracer.host import parquet_events
from tracer.host.parquet_results import COLUMNS, is_results, write
from tracer.model.events import EVENT_DTYPE
from tracer.model.trial import Outcome, Surroundings, Trial

pytest.importorskip("pyarrow")
pytest.importorskip("duckdb")
ROOT = Path(__file__).parents[3]
HOST = {"kernel": "6.18", "cpu": "AMD"}
#: A name that no directory can have as it is.
ODD = "rack 1/a'b=c"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two hosts: the second takes twice as long; each has a recording too."""
    for name, ns in (("h1", 100.0), (ODD, 200.0)):
        outcomes = [
            Outcome(Trial("A", False, 0), {"ns_per_unit": ns, "units": 5}, around(), at_s=1.0),
            Outcome(Trial("A", True, 0), {"ns_per_unit": 2 * ns, "rusage": {"voluntary": 7,
                    "involuntary": 1}}, around(), {"headline": {"io": 0.25, "user": None}}),
        ]  # fmt: skip
        write(tmp_path, name, HOST, outcomes)
        (place,) = (d for d in tmp_path.iterdir() if (name == "h1") == (d.name == "host=h1"))
        recording = place / "recording"
        recording.mkdir()
        rows = np.zeros(3, EVENT_DTYPE)
        rows["t_ns"] = [1, 2, 3]
        fd = os.open(recording, os.O_RDONLY)
        parquet_events.write(iter([rows]), fd)
        os.close(fd)
    return tmp_path


def around() -> Surroundings:
    return Surroundings(1, 1, 100, steal_ns=20, others_ns=40, cpus=2)


def test_one_query_goes_over_all_hosts(results: Path) -> None:
    assert is_results(results) and not is_results(results / "host=h1")
    answer = query(results, "SELECT host, ns_per_unit FROM trials WHERE NOT traced ORDER BY 2")
    assert list(answer.rows) == [("h1", 100.0), (ODD, 200.0)]
    columns = 'others, steal, units, voluntary, io, "user", kernel, idle'
    answer = query(results, f"SELECT {columns} FROM trials WHERE host = 'h1' ORDER BY traced")
    assert list(answer.rows) == [
        (0.2, 0.1, 5.0, None, None, None, "6.18", None),
        (0.2, 0.1, None, 7.0, 0.25, None, "6.18", None),
    ]


def test_recordings_beside_the_results_are_events_by_host(results: Path) -> None:
    sql = "SELECT e.host, count(*), max(t_ns) FROM events e JOIN (SELECT DISTINCT host FROM trials)"
    answer = query(results, f"{sql} t ON e.host = t.host GROUP BY 1 ORDER BY 1")
    assert list(answer.rows) == [("h1", 3, 3), (ODD, 3, 3)]


def test_every_column_that_is_told_exists(results: Path) -> None:
    for name, (_, columns, _) in VIEWS.items():
        told = ", ".join(f'"{column}"' for column in columns)
        assert query(results, f"SELECT {told} FROM {name} LIMIT 1").rows
    assert set(COLUMNS) < set(VIEWS["trials"][1])


def test_a_host_is_written_again_in_its_place(results: Path) -> None:
    write(results, "h1", HOST, [])
    answer = query(results, "SELECT DISTINCT host FROM trials")
    assert list(answer.rows) == [(ODD,)]


def test_the_name_of_the_directory_is_no_pattern(results: Path, tmp_path: Path) -> None:
    odd = tmp_path / "of [1] * 'all'"
    (odd / "host=h1").mkdir(parents=True)
    (tmp_path / "host=h1" / "trials.parquet").rename(odd / "host=h1" / "trials.parquet")
    assert query(odd, "SELECT host, count(*) FROM trials GROUP BY 1").rows == [("h1", 2)]


def test_damaged_results_are_refused(results: Path) -> None:
    (results / "host=h1" / "trials.parquet").write_bytes(b"damaged")
    with pytest.raises(TracerError, match=r"trials\.parquet") as refused:
        query(results, "SELECT * FROM trials")
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY trials TO '/tmp/x.csv'",
        "SELECT * FROM trials; SELECT 1",
        "SET allowed_directories = ['/']",
    ],
)
def test_nothing_else_can_be_read_or_written(sql: str, results: Path) -> None:
    with pytest.raises(TracerError):
        query(results, sql)


def test_the_command_asks_them(results: Path) -> None:
    words = [sys.executable, "-m", "tracer", "query", str(results)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "trials: the runs of all hosts" in done.stdout and "ns_per_unit" in done.stdout
    words += ["SELECT count(*) AS n FROM trials", "--json", "-"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["rows"] == [[4]]


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        ("distributed", ["worker", "127.0.0.1:1"], "many hosts need distributed, which is not"),
        ("distributed", ["compare", "thread-brigade", "async-brigade", "--on", "local:2"],
         "many hosts need distributed, which is not installed"),
        ("pyarrow", ["brigades", "--on", "local:2", "--parquet", "x"], "need pyarrow"),
    ],
)  # fmt: skip
def test_without_the_extra_it_is_named(module: str, words: list[str], message: str) -> None:
    program = (
        "import sys, importlib.util as u\n"
        f"sys.modules[{module!r}] = None\n"
        "find = u.find_spec\n"
        f"u.find_spec = lambda name, *more: None if name == {module!r} else find(name, *more)\n"
        "sys.argv = ['tracer', *sys.argv[1:]]\n"
        "from tracer.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert message in " ".join(done.stderr.split()) and "Traceback" not in done.stderr
    assert "pip install" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--parquet", "x"], "--parquet goes with --on"),
        (["--on", "local:2", "--folded", "x"], "--folded is of one host"),
        (["--on", "local:2", "--untraced", "--budget", "user<=1"], "with --untraced B has no"),
    ],
)
def test_options_that_do_not_go_together(words: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tracer", "compare", "thread-brigade", "async-brigade", *words],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and message in " ".join(done.stderr.split())
