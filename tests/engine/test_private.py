"""Who may write what root acts upon."""

from __future__ import annotations

from pathlib import Path

import pytest

from transhume.engine.private import open_to_others


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that only its owner may write."""
    path = tmp_path / "a/b/file"
    path.parent.mkdir(parents=True)
    path.touch(0o600)
    return path


def test_what_is_roots_own_is_nobody_elses(file: Path) -> None:
    assert open_to_others(file) is None
    assert open_to_others(file.with_name("not yet")) is None


@pytest.mark.parametrize("above", [0, 1, 2])
@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_whoever_may_write_a_folder_above_may_replace_it(file: Path, above: int, mode: int) -> None:
    other = [file, *file.parents][above]
    other.chmod(mode)
    assert open_to_others(file) == other


def test_in_a_folder_like_tmp_others_cant_replace_it(file: Path) -> None:
    file.parent.chmod(0o1777)
    assert open_to_others(file) is None
    file.chmod(0o1722)
    assert open_to_others(file) == file


def test_a_link_is_followed_to_where_the_file_is(file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file.parent)
    file.parent.chmod(0o777)
    assert open_to_others(tmp_path / "link" / "file") == file.parent
