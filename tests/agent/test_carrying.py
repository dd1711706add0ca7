"""What one side sends and the other writes, frame by frame, a hostile source included."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from transhume.agent import receive, send

_OLD = 1_600_000_000_123_456_789
_OWNER = b"\0\0%d\0%d" % (os.getuid(), os.getgid())


def _frame(kind: bytes, name: bytes, data: bytes = b"", offset: int = 0, size: int = -1) -> bytes:
    length = len(data) if size < 0 else size
    return receive.HEADER.pack(kind, len(name), 0, 0o640, _OLD, length, offset) + name + data


_BEGIN, _END = _frame(b"o", _OWNER, size=0), _frame(b"z", b"")


def _received(top: Path, *frames: bytes) -> receive.Receiver:
    receiver = receive.Receiver(os.fsencode(top), io.BytesIO(b"".join((_BEGIN, *frames, _END))))
    receiver.run()
    return receiver


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """The tree, with something beside it that must stay as it is."""
    (tmp_path / "top").mkdir()
    (tmp_path / "beside").write_text("mine")
    return tmp_path / "top"


@pytest.mark.parametrize(
    "name",
    [b"../beside", b"a/../../beside", b"..", b"", b"a/", b"a/..", b"./.", b"nul\0l", b"//x"],
)
def test_a_name_that_leads_out_of_the_tree_ends_it(top: Path, name: bytes) -> None:
    with pytest.raises(ValueError, match="leads out of the tree"):
        _received(top, _frame(b"f", name, b"theirs"))
    assert (top.parent / "beside").read_text() == "mine"
    assert sorted(os.listdir(top.parent)) == ["beside", "top"]  # noqa: PTH208 - names, not paths


def test_an_absolute_name_leads_nowhere_else(top: Path) -> None:
    name = os.fsencode(top.parent / "new")
    _received(top, _frame(b"f", name, b"theirs"))
    assert not (top.parent / "new").exists()
    assert Path(os.fsdecode(os.fsencode(top) + name)).read_text() == "theirs"


@pytest.mark.parametrize("kind", [b"f", b"p", b"e"])
def test_no_symbolic_link_is_followed(top: Path, kind: bytes) -> None:
    (top / "link").symlink_to(top.parent)
    (top / "file").symlink_to(top.parent / "beside")
    frames = (_frame(kind, b"link/beside", b"x"), _frame(kind, b"link/new", b"x"))
    found = _received(top, *(frames if kind != b"e" else (_frame(kind, b"link/beside"),)))
    assert found.left > 0
    assert sorted(path.name for path in top.parent.iterdir()) == ["beside", "top"]
    if kind == b"f":
        assert _received(top, _frame(kind, b"file", b"x")).left == 1
    assert (top.parent / "beside").read_text() == "mine"


def test_what_is_cut_off_leaves_no_file(top: Path) -> None:
    with pytest.raises(receive.CutOff):
        _received(top, _frame(b"f", b"new", b"half", size=1 << 20))
    assert list(top.iterdir()) == []


def test_a_large_file_gets_its_name_only_when_it_is_whole(top: Path) -> None:
    _received(top, _frame(b"p", b"a/large", b"5678", 4))
    assert not (top / "a" / "large").exists()
    short = _received(top, _frame(b"e", b"a/large", b"", 12))
    assert (short.left, short.files) == (1, 0)
    whole = _received(top, _frame(b"p", b"a/large", b"1234", 0), _frame(b"e", b"a/large", b"", 8))
    assert (whole.left, whole.files) == (0, 1)
    assert (top / "a" / "large").read_bytes() == b"12345678"
    assert (top / "a" / "large").stat().st_mtime_ns == _OLD
    assert [path.name for path in (top / "a").iterdir()] == ["large"]


_BATCH = (b".", b"")


def _sent(top: Path, asked: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and rest of each frame but the owners'."""
    out = io.BytesIO()
    sender = send.Sender(os.fsencode(top), out)
    words = send.words(io.BytesIO(asked))
    answers: dict[bytes, Callable[[], None]] = {
        b"f": lambda: sender.file(next(words)),
        b"p": lambda: sender.piece(next(words), int(next(words)), int(next(words))),
        b"e": lambda: sender.end(next(words), int(next(words)), int(next(words))),
        b".": sender.batch,
    }
    for word in words:
        answers[word]()
    sender.flush()
    return _frames(out.getvalue())


def _frames(text: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    while text:
        kind, length, _, _, _, size, _ = send.HEADER.unpack(text[: send.HEADER.size])
        end = send.HEADER.size + length + size
        found.append((kind, text[send.HEADER.size : end]))
        text = text[end:]
    return [frame for frame in found if frame[0] != b"o"]


def test_what_isnt_whole_or_not_there_is_left_out(top: Path) -> None:
    (top / "file").write_bytes(b"content")
    (top / "link").symlink_to("file")
    (top / "folder").mkdir()
    os.mkfifo(top / "pipe")
    for name in (b"link", b"folder", b"pipe", b"gone", b"file/below"):
        assert _sent(top, b"f\0%b\0.\0" % name) == [(b"s", b""), _BATCH]
    assert _sent(top, b"f\0file\0.\0") == [(b"f", b"filecontent"), _BATCH]
    assert _sent(top, b"p\0file\0003\000100\0") == [(b"s", b"")]
    assert _sent(top, b"p\0file\0003\0002\0.\0") == [(b"p", b"filete"), _BATCH]
    assert _sent(top, b"e\0file\0007\0001\0") == [(b"s", b"")]


def test_a_file_that_grows_while_it_is_read_is_left_out(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (top / "file").write_bytes(b"content")
    inner = send.read

    def read(descriptor: int, length: int) -> bytes:
        data = inner(descriptor, length)
        with (top / "file").open("ab") as file:
            file.write(b"more")
        return data

    monkeypatch.setattr(send, "read", read)
    assert _sent(top, b"f\0file\0.\0") == [(b"s", b""), _BATCH]


def test_the_disk_is_told_of_a_whole_batch_before_any_of_it_is_read(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (top / name).write_bytes(b"content")
    did: list[str] = []
    inner = send.read

    def read(descriptor: int, length: int) -> bytes:
        did.append("read")
        return inner(descriptor, length)

    monkeypatch.setattr(os, "posix_fadvise", lambda *_: did.append("told"))
    monkeypatch.setattr(send, "read", read)
    sent = _sent(top, b"f\0one\0f\0gone\0f\0two\0.\0")
    assert [kind for kind, _ in sent] == [b"f", b"s", b"f", b"."]
    assert did == ["told", "told", "read", "read"]
