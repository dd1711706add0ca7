"""What a source's listing becomes: batches, pieces, and what is left to rsync."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from transhume.engine import batches as cut
from transhume.engine.batches import Batch, File, batches, ending, lacking, listed, names, split
from transhume.errors import StepFailed


@pytest.mark.parametrize(
    ("entry", "file"),
    [
        (b"1 5 8 1600000000.1234567890 a b\n/c", File(b"a b\n/c", 5, 1600000000123456789)),
        (b"1 0 0 1600000000.0000000000 empty", File(b"empty", 0, 1600000000 * 10**9)),
        (b"1 5 8 1600000000 whole", File(b"whole", 5, 1600000000 * 10**9)),
        (b"1 100 0 1600000000.5 in the inode", File(b"in the inode", 100, 1600000000500000000)),
        (b"2 5 8 1600000000.1234567890 of two names", None),
        (b"1 1048576 8 1600000000.1234567890 with holes", None),
        (b"1 5 8 -1.5000000000 old", None),
        (b"what find never prints", None),
        (b"1 5 8", None),
        (b"1 x 8 1600000000.5 a", None),
    ],
)
def test_an_entry(entry: bytes, file: File | None) -> None:
    assert listed(entry) == file


def test_what_is_there_or_begun_is_left_to_rsync() -> None:
    present = names([b"a", b"deep/b", b"deep/.transhume-partial/large", b".transhume-partial/top"])
    entries = [b"1 1 8 1.0 %b" % name for name in (b"a", b"new", b"deep/large", b"top", b"large")]
    assert [file.name for file in lacking(entries, present)] == [b"new", b"large"]


def test_small_files_go_together() -> None:
    files = [File(b"f%d" % number, 100, 0) for number in range(cut.MOST_FILES + 1)]
    made = list(batches(files))
    assert [batch.files for batch in made] == [cut.MOST_FILES, 1]
    assert made[1] == Batch(b"f\0f256\0.\0", 100, 1)
    middling = [File(b"f%d" % number, cut.BATCH // 2, 0) for number in range(4)]
    assert [batch.files for batch in batches(middling)] == [2, 2]


def test_a_large_file_goes_in_pieces_that_know_each_other() -> None:
    size = 2 * cut.PIECE + 1
    first, second, third = batches([File(b"x", size, 7)])
    assert third.words == b"p\0x\0%d\0%d\0.\0" % (2 * cut.PIECE, 1)
    assert sum(batch.size for batch in (first, second, third)) == size
    assert first.large is second.large is third.large
    assert first.large is not None
    assert first.large.missing == 3
    assert ending(first.large).words == b"e\0x\0%d\0007\0.\0" % size


def test_what_comes_in_pieces_is_put_together() -> None:
    def hear() -> Iterator[bytes]:
        yield from (b"a\0b", b"c", b"\0\0cut of", b"")

    pieces = hear()
    assert list(split(lambda: next(pieces), b"\0")) == [b"a", b"bc", b""]


def test_a_name_without_an_end_fills_no_memory() -> None:
    with pytest.raises(StepFailed, match="without an end"):
        list(split(lambda: b"a" * 4096, b"\0"))
