"""Where a window begins and ends, and what lies between two of them."""

from __future__ import annotations

from meaning import MS, near, on_cpu, path, told


def test_the_end_of_a_child_is_on_the_path(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("big_exit"), "400", "child"))
    assert near(
        document["window_ns"], facts["waited"] - facts["begin"], share=0.02, slack_ns=3 * MS
    )
    assert on_cpu(path(document)) >= 0.97 * document["window_ns"]
