"""Two listings that may hold anything: what isn't the same on both is never counted as equal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transhume.core.understood import understood
from transhume.errors import StepFailed
from transhume.steps.manifest import merge

_FIELDS = b"644\0root\0root\0001\0002\0\0\0ab\0"
_WHOLE = st.sampled_from(
    [
        *(b"=0", b"=1", b"/", b"/a", b"/a/b", b"/b"),
        *(b" x\0f\0" + _FIELDS, b" y\0f\0" + _FIELDS, b" y\0f\0" + _FIELDS.replace(b"ab", b"cd")),
        *(b" z\0-", b" z\0!\0no such disk", b" x\0d\0" + _FIELDS, b" x\\n\\\\\0f\0" + _FIELDS),
    ]
)
_ODD = st.sampled_from([b" ", b" \0", b" x", b" x\0f", b"=", b"=x", b"", b"\xff", b"/\\", b" x\0!"])
_LISTING = st.lists(st.one_of(_WHOLE, _WHOLE, _ODD), max_size=8)


def _there(lines: list[bytes]) -> int:
    """How many entries are listed as present."""
    return sum(1 for line in lines if line[:1] == b" " and not line.endswith(b"\0-"))


@given(_LISTING, _LISTING)
def test_whatever_they_hold_it_is_merged_or_told(theirs: list[bytes], ours: list[bytes]) -> None:
    try:
        with understood("the listings"):
            found = list(merge(iter(theirs), iter(ours), 3))
    except StepFailed:
        return
    assert sum(each.equal for each in found) <= max(len(theirs), len(ours))
    if not any(each.differing for each in found):
        assert _there(theirs) == _there(ours)


@given(_LISTING)
def test_what_cant_be_read_is_never_equal_to_itself(lines: list[bytes]) -> None:
    unread = [b"=0", b"/", *(b" %d\0!\0no such disk" % at for at in range(3))]
    assert sum(len(each.differing) for each in merge(iter(unread), iter(unread), 9)) == 3
    try:
        with understood("the listings"):
            found = list(merge(iter(lines), iter(lines), 3))
    except StepFailed:
        return
    failed = sum(1 for line in lines if b"\0!\0" in line)
    assert sum(len(each.differing) for each in found) == failed
