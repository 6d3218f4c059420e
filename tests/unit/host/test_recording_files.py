"""Recordings on disk: what was written is read again, whatever happened to the run or a file."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from harness.machine import Machine
from harness.world import World

from tracer.errors import TracerError
from tracer.host import recorder as recorder_module
from tracer.host import recordings
from tracer.host.recorder import Recorder
from tracer.model.events import RECORD_DTYPE, Kind
from tracer.model.recording import Recording


def records(times: list[int], kind: Kind = Kind.SWITCH) -> np.ndarray:  # type: ignore[type-arg]
    """Records of one CPU at these times; `what` counts them."""
    rows = np.zeros(len(times), RECORD_DTYPE)
    rows["when"] = (np.array(times, np.uint64) << np.uint64(1)) | np.uint64(int(kind) << 56 | 1)
    rows["thread"], rows["extra"] = 1, 2**32 - 1
    rows["what"] = np.arange(len(times), dtype=np.uint64) + np.uint64(2**63)
    return rows


@pytest.fixture
def run(machine: Machine) -> Recording:
    """A run with one thread, from 1000 to 2000."""
    world = World(machine)
    world.open()
    world.close(2000)
    return world.recording()


def recorded(run: Recording, at: Path, **ends: object) -> str:
    with Recorder(str(at)) as recorder:
        recorder.begin(("a", "program"))
        recorder.spool.put(0, records([1000, 1005, 1005, 1400]))
        recorder.spool.put(1, records([900, 1005, 1300]))
        recorder.spool.put(0, records([1500]))
        recorder.keep(run, {(1, 7): 3, (0, 8): 2} if ends.get("losses") else {})
        return recorder.end({"schema": "of a run"})


def test_what_is_written_is_read_again_in_order_of_time(run: Recording, tmp_path: Path) -> None:
    told = recorded(run, tmp_path / "r")
    assert told.startswith(f"recorded 8 events in {tmp_path / 'r'} (")
    events = recordings.read(tmp_path / "r")
    rows = [row[:3] for row in events.rows[["t_ns", "cpu", "what"]].tolist()]
    first = 2**63
    assert [row[0] for row in rows] == [900, 1000, 1005, 1005, 1005, 1300, 1400, 1500]
    assert [row[::2] for row in rows if row[1] == 0] == [
        *((1000, first), (1005, first + 1), (1005, first + 2)),
        *((1400, first + 3), (1500, first)),
    ]
    assert [row[::2] for row in rows if row[1] == 1] == [
        *((900, first), (1005, first + 1), (1300, first + 2)),
    ]
    assert set(events.rows["kind"]) == {Kind.SWITCH}
    assert set(events.rows["extra"]) == {2**32 - 1}
    assert (events.start_ns, events.end_ns, events.end_slot) == (1000, 2000, 1)
    meta = recordings.read_meta(tmp_path / "r")
    assert (meta["complete"], meta["truncated"], meta["events"]) == (True, None, 8)
    assert meta["command"] == ["a", "program"]
    assert [thread["tid"] for thread in meta["threads"]] == [100]
    assert recordings.read_report(tmp_path / "r") == {"schema": "of a run"}
    vectors = recordings.read_vectors(tmp_path / "r")
    assert vectors["threads.path"].sum() == 1000
    assert vectors["threads.row"].tolist() == [1]
    names = {file.name for file in (tmp_path / "r").iterdir()}
    assert names == {"meta.json", "report.json", "vectors.npz", "events-00000.parquet"}


def test_many_events_of_many_cpus_make_whole_files(
    run: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than are in memory at a time, in more files than one."""
    monkeypatch.setattr("tracer.host.parquet_events.ROW_GROUP", 1000)
    monkeypatch.setattr("tracer.host.parquet_events._GROUPS", 3)
    monkeypatch.setattr("tracer.host.parquet_events._FEWEST", 100)
    random = np.random.default_rng(1)
    with Recorder(str(tmp_path / "r")) as recorder:
        recorder.begin(())
        for cpu, number in enumerate((7000, 100, 0, 2500)):
            times = 10**12 + np.cumsum(random.integers(0, 2 * 10**10 // (number + 1), number))
            if number:
                times[number // 2] -= 10**6  # of a program that was interrupted
                recorder.spool.put(cpu, records(times.tolist()))
        recorder.keep(run, {})
        recorder.end({})
    rows = recordings.read(tmp_path / "r").rows
    assert len(list((tmp_path / "r").glob("*.parquet"))) == 4
    assert (np.diff(rows["t_ns"]) >= 0).all()
    assert [np.count_nonzero(rows["cpu"] == cpu) for cpu in range(4)] == [7000, 100, 0, 2500]
    for cpu in (0, 1, 3):
        numbers = rows["what"][rows["cpu"] == cpu] - np.uint64(2**63)
        assert sorted(numbers) == list(range(len(numbers)))
        assert np.count_nonzero(np.diff(numbers.astype(np.int64)) < 0) <= 1


@pytest.mark.parametrize("ended", [True, False])
def test_a_host_that_runs_for_years_has_the_right_times(
    run: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    """A record has 55 bits for the time: 417 days."""
    year_ns = 365 * 86400 * 10**9
    now_ns = 3 * year_ns
    monkeypatch.setattr("tracer.host.recorder.time.monotonic_ns", lambda: now_ns)
    with Recorder(str(tmp_path / "r")) as recorder:
        recorder.begin(())
        recorder.spool.put(0, records([(now_ns + n) % (1 << 55) for n in (0, 7)]))
        if ended:
            recorder.keep(run, {})
            recorder.end({})
    assert recordings.read(tmp_path / "r").rows["t_ns"].tolist() == [now_ns, now_ns + 7]


def test_an_empty_recording_is_one(run: Recording, tmp_path: Path) -> None:
    with Recorder(str(tmp_path / "r")) as recorder:
        recorder.begin(())
        recorder.keep(run, {})
        recorder.end({})
    assert len(recordings.read(tmp_path / "r").rows) == 0


# ---- what is refused before anything runs ----


def error_of(path: Path) -> TracerError:
    with pytest.raises(TracerError) as caught:
        Recorder(str(path))
    assert caught.value.exit_code == 2
    return caught.value


def test_a_directory_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    assert "is not empty" in error_of(tmp_path).message
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_a_file_or_a_place_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot record into" in error_of(tmp_path / "file").message
    assert "cannot record into" in error_of(tmp_path / "missing" / "r").message
    assert "cannot record into" in error_of(Path("/proc/self/r")).message


def test_without_pyarrow_the_line_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    error = error_of(tmp_path / "r")
    assert "pyarrow" in error.message and error.hint.endswith("pip install -e '.[record]'")
    assert not (tmp_path / "r").exists()


def test_a_run_that_does_not_begin_leaves_no_directory(tmp_path: Path) -> None:
    with Recorder(str(tmp_path / "r")):
        pass
    assert not (tmp_path / "r").exists()
    (tmp_path / "own").mkdir()
    with Recorder(str(tmp_path / "own")):
        pass
    assert list((tmp_path / "own").iterdir()) == []


def test_a_disk_that_is_full_from_the_start_leaves_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tracer.host.recorder.os.posix_fallocate", full)
    with pytest.raises(TracerError) as caught, Recorder(str(tmp_path / "r")) as recorder:
        recorder.begin(())
    assert "No space left" in caught.value.message and caught.value.exit_code == 2
    assert not (tmp_path / "r").exists()


# ---- faults ----


def test_losses_are_told_by_cpu_and_second(run: Recording, tmp_path: Path) -> None:
    told = recorded(run, tmp_path / "r", losses=True)
    assert "5 events are LOST" in told
    meta = recordings.read_meta(tmp_path / "r")
    assert meta["losses"] == {"total": 5, "by_cpu_second": [[0, 8, 2], [1, 7, 3]]}


def test_a_killed_run_is_read_up_to_the_kill_and_marked(tmp_path: Path) -> None:
    with Recorder(str(tmp_path / "r")) as recorder:
        recorder.begin(("a",))
        recorder.spool.put(0, records([1000]))
        recorder.spool.put(0, records([1100], Kind.WINDOW))
        recorder.spool.put(1, records([1200, 1300]))
        recorder.close()
    with (tmp_path / "r" / "spool-1.raw").open("ab") as file:
        file.write(b"half a record")
    meta = recordings.read_meta(tmp_path / "r")
    assert not meta["complete"] and meta["truncated"] == "the recording was not ended"
    events = recordings.read(tmp_path / "r")
    assert events.rows["t_ns"].tolist() == [1000, 1100, 1200, 1300]
    assert (events.start_ns, events.end_ns, events.end_slot) == (1000, 1300, 0)


def test_a_full_disk_keeps_what_was_written(
    run: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = os.write, [30]

    def full(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = write(fd, bytes(data)[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr("tracer.host.spool.os.write", full)
    with Recorder(str(tmp_path / "r")) as recorder:
        recorder.begin(())
        recorder.spool.put(0, records([1000, 1100]))
        recorder.spool.put(0, records([1200]))
        kept = recorder.keep(run, {})
        told = recorder.end({})
    assert kept.truncated == "No space left on device" and not recorder.is_whole
    assert "TRUNCATED: No space left on device" in told
    assert recordings.read_meta(tmp_path / "r")["truncated"] == "No space left on device"
    assert recordings.read(tmp_path / "r").rows["t_ns"].tolist() == [1000]


def test_where_no_other_file_can_be_made_the_raw_ones_stay(
    run: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> list[str]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(recorder_module.parquet_events, "write", full)
    assert "as they came" in recorded(run, tmp_path / "r")
    assert len(recordings.read(tmp_path / "r").rows) == 8
    assert recordings.read_meta(tmp_path / "r")["complete"]


def test_a_conversion_that_was_ended_changes_nothing(
    run: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_pieces: object, fd: int) -> list[str]:
        (tmp_path / "r" / "events-00000.parquet").write_bytes(b"PAR1 and no more")
        raise KeyboardInterrupt

    monkeypatch.setattr(recorder_module.parquet_events, "write", stopped)
    with pytest.raises(KeyboardInterrupt):
        recorded(run, tmp_path / "r")
    assert len(recordings.read(tmp_path / "r").rows) == 8


def test_a_directory_that_is_moved_is_followed(run: Recording, tmp_path: Path) -> None:
    with Recorder(str(tmp_path / "r")) as recorder:
        recorder.begin(())
        recorder.spool.put(0, records([1000, 1100]))
        (tmp_path / "r").rename(tmp_path / "elsewhere")
        recorder.spool.put(1, records([1050]))
        recorder.keep(run, {})
        told = recorder.end({})
    assert f"in {tmp_path / 'elsewhere'} (" in told
    assert len(recordings.read(tmp_path / "elsewhere").rows) == 3


def test_a_directory_that_is_removed_ends_no_run(run: Recording, tmp_path: Path) -> None:
    with Recorder(str(tmp_path / "r")) as recorder:
        recorder.begin(())
        recorder.spool.put(0, records([1000, 1100]))
        shutil.rmtree(tmp_path / "r")
        recorder.spool.put(1, records([1050]))
        kept = recorder.keep(run, {})
        told = recorder.end({})
    assert "No such file" in kept.truncated and "TRUNCATED" in told


def test_a_file_that_is_removed_meanwhile_is_missed(run: Recording, tmp_path: Path) -> None:
    with Recorder(str(tmp_path / "r")) as recorder:
        recorder.begin(())
        recorder.spool.put(0, records([1000, 1100]))
        recorder.spool.put(1, records([1050]))
        (tmp_path / "r" / "spool-0.raw").unlink()
        recorder.spool.put(0, records([1200]))
        kept = recorder.keep(run, {})
        told = recorder.end({})
    assert kept.events == 1 and not recorder.is_whole
    assert "TRUNCATED: a file of it was removed while it was written" in told
    assert recordings.read_meta(tmp_path / "r")["truncated"]
    assert recordings.read(tmp_path / "r").rows["t_ns"].tolist() == [1050]


# ---- what is no recording ----


def refused(directory: Path) -> TracerError:
    with pytest.raises(TracerError) as caught:
        recordings.read(directory)
    assert caught.value.hint
    return caught.value


def test_what_is_no_recording_is_refused_with_a_reason(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "missing").message
    (tmp_path / "meta.json").write_text("{}")
    assert "not that of a recording" in refused(tmp_path).message
    (tmp_path / "meta.json").write_text("[" * 100_000)
    assert "not JSON" in refused(tmp_path).message


def test_another_version_is_named(run: Recording, tmp_path: Path) -> None:
    recorded(run, tmp_path / "r")
    meta = json.loads((tmp_path / "r" / "meta.json").read_text())
    (tmp_path / "r" / "meta.json").write_text(json.dumps(meta | {"version": 2}))
    assert "version 2; this tracer reads version 1" in refused(tmp_path / "r").message


def test_missing_events_are_noticed(run: Recording, tmp_path: Path) -> None:
    recorded(run, tmp_path / "r")
    (tmp_path / "r" / "events-00000.parquet").unlink()
    assert "it has 0 events, not 8" in refused(tmp_path / "r").message
