"""Records of a ring as events."""

from __future__ import annotations

import numpy as np

from tracer.model.events import RECORD_DTYPE, Kind, decoded


def test_kind_time_and_lap_are_taken_apart() -> None:
    late = (1 << 55) - 1
    when = [Kind.SWITCH << 56 | 5 << 1 | 1, Kind.DYING << 56 | late << 1]
    records = np.array([(when[0], 7, 8, 2**64 - 1), (when[1], 1, 2, 3)], RECORD_DTYPE)
    assert decoded(records, 3).tolist() == [
        (5, 2**64 - 1, 7, 8, 3, Kind.SWITCH),
        (late, 3, 1, 2, 3, Kind.DYING),
    ]
