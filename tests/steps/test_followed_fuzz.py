"""Whatever the source says for its tracker: news of a form that can be used, or none."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FakeHost, pair
from transhume.steps.followed import News, Told, asked, noted

_NAMES = st.text(st.characters(), max_size=6) | st.sampled_from(["a", "..", "a/b", "/x", "\ud800"])
_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=4,
)
_KEYS = ("tree", "way", "gaps", "count", "handed", "seconds", "proved")
_TREES = st.fixed_dictionaries(
    {"tree": _NAMES, "way": st.just("names"), "gaps": st.just([])},
    optional={"count": st.integers(0, 9), "handed": st.integers(0, 9), "seconds": st.floats(0, 9)},
)
_HEADS = st.fixed_dictionaries({"run": _NAMES, "seq": st.integers(0)})
_SPOILT = st.dictionaries(st.sampled_from((*_KEYS, "run", "seq", "problem")) | _NAMES, _ODD)
_LINES = st.lists(_TREES | _NAMES | _SPOILT | _ODD, max_size=6)


def _usable(told: Told) -> None:
    assert all(isinstance(text, str) for text in (told.run, told.problem))
    assert isinstance(told.seq, int)
    run = noted(told, "acked", list(told.trees))
    assert all(isinstance(word, str) for word in run.argv)
    for path, news in told.trees.items():
        assert isinstance(path, str)
        _sound(news)


def _sound(news: News) -> None:
    assert isinstance(news.way, str)
    assert all(isinstance(reason, str) for reason in news.gaps)
    assert news.names.count(b"\0") == len(news.paths)
    for name in news.names.split(b"\0")[:-1]:
        assert name == b"." or not {b"", b".", b".."} & set(name.split(b"/"))
    assert news.count + news.handed + news.seconds is not None
    assert isinstance(news.proved, bool)


@given(_HEADS | _SPOILT | _ODD, _LINES)
def test_it_is_news_that_can_be_used_or_a_problem(head: Any, lines: list[Any]) -> None:
    source = FakeHost("source")
    source.printed["changes"] = [json.dumps(line).encode() for line in (head, *lines)]
    told = asked(pair(source), "acked")
    _usable(told)
    if told.problem:
        assert told.trees == {}


@given(st.lists(st.binary(max_size=30), max_size=4))
def test_what_is_no_json_is_a_problem(lines: list[bytes]) -> None:
    source = FakeHost("source")
    source.printed["changes"] = lines
    told = asked(pair(source), "acked")
    _usable(told)
