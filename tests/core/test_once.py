"""Each question is asked once, and its refusal is remembered as well."""

from __future__ import annotations

import pytest

from tests.fakes import FakeHost
from transhume.core.host import Pair
from transhume.core.once import Once, once
from transhume.errors import StepFailed, Unreachable


def _host() -> FakeHost:
    return FakeHost(
        "source",
        files={"/a": b"x"},
        said={"id -u": "0\n", "nproc": 1},
        held={"select 1": [(1,)], "select 2": Unreachable("refused")},
        served={"/state": "running"},
        printed={"survey": iter([b"one", b"two"])},
    )


def test_the_second_answer_is_the_first() -> None:
    host = _host()
    asked = Once(host)
    for _ in range(2):
        assert asked.place == "source"
        assert asked.read("id", "-u") == "0\n"
        assert asked.ask("id", "-u").status == 0
        assert asked.file("/a") == b"x"
        assert asked.sql("bj", "select 1") == [(1,)]
        assert asked.api("/state") == "running"
        # An iterator that is used up: only one pass was made.
        assert list(asked.agent("survey", "/x")) == [b"one", b"two"]
        assert asked.greeting("192.0.2.1").startswith("220 ")
        assert asked.recipients("192.0.2.1", "a@b") == (250,)
        host.files["/a"], host.served["/state"] = b"y", "stopped"
    assert host.queries == [("bj", "select 1")]
    assert host.asked == [("id", "-u"), ("id", "-u")]


def test_what_differs_in_anything_is_another_question() -> None:
    host = _host()
    asked = Once(host)
    host.held["select %s"] = [(3,)]
    assert asked.sql("bj", "select %s", "1") == asked.sql("bj", "select %s", 1)
    assert len(host.queries) == 2
    asked.file("/a")
    assert asked.file("/b") is None


def test_a_refusal_is_told_again_without_asking() -> None:
    host = _host()
    asked = Once(host)
    for _ in range(3):
        with pytest.raises(Unreachable, match="refused"):
            asked.sql("bj", "select 2")
        with pytest.raises(StepFailed):
            asked.read("nproc")
    assert len(host.queries) == 1
    assert host.asked == [("nproc",)]


def test_both_machines_are_asked_so() -> None:
    pair = once(Pair(_host(), FakeHost("target")))
    assert (pair.source.place, pair.target.place) == ("source", "target")
