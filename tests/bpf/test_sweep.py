"""A traced sweep on the real kernel: each point has the lines of its ledger, and they sum up."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema

ROOT = Path(__file__).parents[2]


def test_each_point_has_its_ledger(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tracer", "sweep", "thread-brigade --iters 50 --warmups 2",
         "--over", "tasks=5,20", "--over", "cpus=0,free", "--rounds", "2", "--json", "-"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    schema = ROOT / "docs" / "schema" / "tracer.sweep-1.json"
    jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(document)
    assert document["schema"] == "tracer.sweep/1" and document["unit"] == "hop"
    points = {(point["tasks"], point["cpus"]): point for point in document["points"]}
    assert set(points) == {(5, "0"), (5, "free"), (20, "0"), (20, "free")}
    for point in points.values():
        assert len(point["rounds_ns"]) == 2
        assert point["low_ns"] <= point["ns_per_unit"] <= point["high_ns"]
        wall = point["wall_ns"]
        assert sum(wall.values()) > 0 and abs(wall["unknown"]) <= 0.01 * sum(wall.values())
    # on one CPU no thread is ever woken onto an idle one
    for tasks in (5, 20):
        wall = points[tasks, "0"]["wall_ns"]
        assert wall["wakeup:idle"] <= 0.01 * sum(wall.values())
