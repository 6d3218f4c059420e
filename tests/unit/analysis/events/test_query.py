"""SQL over hand-written streams; and that it reaches nothing else."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest
from harness.event_stream import pushed_off

from tracer.analysis.events.query import query
from tracer.analysis.events.replay import replay
from tracer.analysis.events.tables import Tables
from tracer.analysis.events.views import NEEDS, VIEWS
from tracer.errors import Interrupted, TracerError
from tracer.report.query import as_csv, document, render

WRITER, READER = 1, 2


@pytest.fixture
def tables() -> Tables:
    stream = pushed_off(WRITER, READER)
    stream.call(16, 18, WRITER, "recvfrom", 7, -11)
    stream.waking(40, 0, WRITER, source=1)
    threads = [
        {"slot": slot, "life": 0, "tid": 100 + slot, "tgid": 101, "name": name, "process": True}
        for slot, name in ((WRITER, "writer"), (READER, "reader"))
    ]
    events = stream.events(1000, WRITER)
    known = [(thread["slot"], thread["tid"], thread["tgid"]) for thread in threads]
    return Tables(events, threads, "x86_64", lambda: replay(events, known, segments=False))


def _rows(tables: Tables, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in query(tables, sql).rows]


def test_every_view_has_the_columns_that_it_says(tables: Tables) -> None:
    assert VIEWS.keys() == NEEDS.keys()
    for name, view in VIEWS.items():
        found = [column for column, _ in query(tables, f"SELECT * FROM {name}").columns]
        said = [column for column in view.columns if not column.startswith("*")]
        assert found[: len(said)] == said
        more = next((text for column, text in view.columns.items() if column == "*_ns"), "")
        assert all(column in more for column in found[len(said) :])


def test_answers(tables: Tables) -> None:
    assert _rows(tables, "SELECT tid, thread FROM threads ORDER BY tid") == [
        (101, "writer"),
        (102, "reader"),
    ]
    assert _rows(tables, "SELECT t_ns, out_tid, why, in_tid, in_thread FROM switches") == [
        (24, 101, "pushed off", 999, None),
        (31, None, None, 102, "reader"),
    ]
    assert _rows(tables, "SELECT waker, woken, source, outcome FROM wakeups ORDER BY t_ns") == [
        ("writer", "reader", "process", "ended_sleep"),
        (None, "writer", "timer", "ended_sleep"),
    ]
    calls = "SELECT thread, call, class, ns, off_cpu_ns, first, result FROM syscalls"
    assert _rows(tables, f"{calls} ORDER BY end_ns") == [
        ("writer", "sendto", "io", 5, 0, 6, 1),
        ("writer", "recvfrom", "io", 2, 0, 7, -11),
        ("reader", "recvfrom", "io", 136, 121, 7, 1),
    ]
    hops = "SELECT kind, waker, woken, from_call, to_call, ns, call_ns, queue_ns FROM hops"
    assert _rows(tables, hops) == [("same_cpu", "writer", "reader", "sendto", "recvfrom", 26, 3, 7)]
    assert _rows(tables, "SELECT min(start_ns), max(end_ns), sum(ns)::BIGINT FROM path") == [
        (0, 1000, 1000)
    ]
    tasks = "SELECT tid, fd, receives, found_nothing, received_bytes, sends FROM tasks"
    assert _rows(tables, f"{tasks} ORDER BY tid, fd") == [
        (101, 6, 0, 0, 0, 1),
        (101, 7, 0, 1, 0, 0),
        (102, 7, 1, 0, 1, 0),
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM '{file}'",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM sniff_csv('{file}')",
        "SELECT * FROM glob('{file}')",
        "COPY threads TO '{file}'",
        "ATTACH '{file}'",
        "CREATE TABLE x AS SELECT * FROM threads",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELECT 1; SELECT 2",
        "",
    ],
)
def test_no_other_file_is_read_or_written(tables: Tables, tmp_path: Path, sql: str) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(TracerError) as refused:
        query(tables, sql.format(file=file))
    assert refused.value.exit_code == 2
    assert "1,2" not in refused.value.message
    assert file.read_text() == "a,b\n1,2\n"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("sql", "names"),
    [("SELECT nope FROM hops", "nope"), ("SELECT * FROM hop", "hop"), ("SELEC 1", "SELEC")],
)
def test_an_error_names_what_is_wrong(tables: Tables, sql: str, names: str) -> None:
    with pytest.raises(TracerError, match=names) as refused:
        query(tables, sql)
    assert refused.value.exit_code == 2


def test_an_answer_has_a_limit(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracer.analysis.events.query._MOST_VALUES", 20)
    assert len(query(tables, "SELECT range, 1 FROM range(10)").rows) == 10
    with pytest.raises(TracerError, match="more than 10 rows") as refused:
        query(tables, "SELECT range, 1 FROM range(11)")
    assert refused.value.exit_code == 2 and "LIMIT" in refused.value.hint


def test_a_signal_ends_a_long_query(tables: Tables) -> None:
    def stopped(number: int, _frame: object) -> None:
        raise Interrupted(number)

    before = signal.signal(signal.SIGINT, stopped)
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    try:
        timer.start()
        with pytest.raises(Interrupted):
            query(tables, "SELECT count(*) FROM range(1000000000000) WHERE range % 7 = 3")
    finally:
        signal.signal(signal.SIGINT, before)


def test_text_csv_and_json(tables: Tables) -> None:
    sql = "SELECT waker, ns, cpu_slept_ns, 0.5::DOUBLE AS half, [1, 2] AS l FROM hops"
    answer = query(tables, sql)
    assert as_csv(answer).splitlines()[:2] == ["waker,ns,cpu_slept_ns,half,l",
                                               'writer,26,,0.5,"[1, 2]"']  # fmt: skip
    data = document(answer, sql)
    assert data["rows"] == [["writer", 26, None, 0.5, [1, 2]]]
    assert [column["name"] for column in data["columns"]] == ["waker", "ns", "cpu_slept_ns",
                                                              "half", "l"]  # fmt: skip
    assert "writer" in render(answer)


def test_views_and_columns_are_documented() -> None:
    page = Path(__file__).parents[4] / "docs" / "recordings.md"
    rows = {line.split("`")[1]: line for line in page.read_text().splitlines()
            if line.startswith("| `")}  # fmt: skip
    for name, view in VIEWS.items():
        assert not {column for column in view.columns if f"`{column}`" not in rows[name]}
