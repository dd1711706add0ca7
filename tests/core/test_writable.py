"""What the disk of this machine refuses has a name and a remedy; a mistake of ours stays one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from transhume.core.writable import writable
from transhume.errors import StepFailed


def test_a_full_disk_is_told_with_what_to_do() -> None:
    with pytest.raises(StepFailed) as full, writable("the list", "Nothing was touched."):
        Path("/dev/full").write_text("x")
    assert full.value.what == "the list can't be written: No space left on device"
    assert full.value.state == "Nothing was touched."
    assert "df -h; df -i" in full.value.remedy


@pytest.mark.parametrize("number", [errno.EROFS, errno.EDQUOT])
def test_the_file_is_named_where_it_is_known(number: int) -> None:
    with pytest.raises(StepFailed, match=r"\(/srv/list\)"), writable("the list"):
        raise OSError(number, os.strerror(number), "/srv/list")


def test_any_other_error_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), writable("the list"):
        tmp_path.write_text("x")
