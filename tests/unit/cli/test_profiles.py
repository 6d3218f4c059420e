"""The files of a profile."""

from __future__ import annotations

import pytest

from tracer.cli._profiles import FILES, profile_files
from tracer.errors import TracerError


@pytest.mark.parametrize("name", FILES)
def test_a_profile_is_not_written_to_standard_output(name: str) -> None:
    values = dict.fromkeys(FILES) | {name: "-"}
    with pytest.raises(TracerError, match=f"--{name} -: ") as caught, profile_files(values):
        pass
    assert caught.value.exit_code == 2
