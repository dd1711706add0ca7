"""Trees are compared before the freeze: what nobody told is brought, and compared once more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes import FakeHost, pair
from tests.steps.listing import lists
from transhume.core.change import Run, SyncPaths
from transhume.core.host import Pair
from transhume.steps.prove_followed import ProveAgain, ProveFollowed
from transhume.steps.trees import Tree

MAIL, DOCS = "/var/spool/cyrus", "/var/spool/bm-docs"
STEP = ProveFollowed((Tree(MAIL), Tree(DOCS), Tree("/srv/none", optional=True)))
PHOTOS = {f"{DOCS}/a/one": b"1", f"{DOCS}/two": b"2"}


def _copied(news: dict[str, Any] | None = None, **told: list[str]) -> Pair:
    """Both trees were copied, and since then the tracker told these; `news` of the one tree."""
    lines: list[Any] = [{"run": "17-4", "seq": 9, "refused": "", "list": "/x"}]
    for path, name in ((MAIL, "mail"), (DOCS, "docs")):
        more = news if news and path == DOCS else {}
        lines += [{"tree": path, "way": "names", "gaps": [], "proved": True, **more}]
        lines += told.get(name, [])
    lines.append({"tree": "/srv/none", "way": "absent", "gaps": []})
    files = {f"{MAIL}/body": b"x", **PHOTOS}
    source, target = FakeHost("source", dict(files)), FakeHost("target", dict(files))
    source.printed["changes"] = [json.dumps(line).encode() for line in lines]
    for host in (source, target):
        lists(host)
    return pair(source, target)


def _files(there: Pair) -> dict[str, bytes]:
    assert isinstance(there.target, FakeHost)
    return there.target.files


def _proved(act: object) -> tuple[str, ...]:
    """The trees of which the tracker is told that they were proved."""
    assert isinstance(act, Run)
    return act.argv[act.argv.index("proved") + 2 :]


def test_equal_trees_are_proved_and_one_that_isnt_there_is_not() -> None:
    (noted,) = STEP.run(_copied())
    assert _proved(noted.act) == (MAIL, DOCS)


def test_what_was_told_isnt_missed() -> None:
    there = _copied(docs=["two"])
    _files(there)[f"{DOCS}/two"] = b"former"
    (noted,) = STEP.run(there)
    assert _proved(noted.act) == (MAIL, DOCS)


def test_a_tree_emptied_on_the_target_is_brought_and_proved_while_people_work() -> None:
    there = _copied()
    for path in PHOTOS:
        del _files(there)[path]
    changes = STEP.run(there)
    copy, mail = next(changes), next(changes)
    assert isinstance(copy.act, SyncPaths)
    assert copy.title == f"copy what was missed in {DOCS}: 2 paths"
    assert set(copy.act.names.split(b"\0")) == {b"a/one", b"two", b""}
    assert _proved(mail.act) == (MAIL,)
    _files(there).update(PHOTOS)
    durable, docs = changes
    assert durable.act == Run("target", ("sync", "--file-system", DOCS))
    assert _proved(docs.act) == (DOCS,)


def test_what_differs_again_is_left_to_the_outage() -> None:
    there = _copied()
    del _files(there)[f"{DOCS}/two"]
    copy, mail, durable = STEP.run(there)
    assert (_proved(mail.act), durable.title) == ((MAIL,), "wait until they are on disk")
    assert isinstance(copy.act, SyncPaths)


AGAIN = ProveAgain(STEP.trees)


def test_what_still_counts_isnt_compared_again() -> None:
    assert list(AGAIN.run(_copied({"open": 900}))) == []
    assert list(AGAIN.lag(_copied())) == []


@pytest.mark.parametrize("docs", [{"proved": False}, {"open": 5_001}])
def test_a_proof_that_counts_no_more_is_made_again_before_the_freeze(docs: dict[str, Any]) -> None:
    (noted,) = AGAIN.run(_copied(docs))
    assert _proved(noted.act) == (DOCS,)


def test_what_is_left_to_the_outage_is_measured_before_it() -> None:
    (lag,) = AGAIN.lag(_copied({"proved": False}))
    assert lag.part == f"the proof of {DOCS}"
    assert lag.seconds is not None


def test_of_a_proof_that_counts_only_what_changed_is_left_to_the_outage() -> None:
    """However much changes on a busy server while its largest tree is compared again."""
    there = _copied({"open": 9_000})
    for host in (there.source, there.target):
        assert isinstance(host, FakeHost)
        del host.printed["manifest"]
    (lag,) = AGAIN.lag(there)
    assert (lag.behind, lag.unit) == (9_000, "paths")
    assert lag.seconds is not None
    assert 0 < lag.seconds < 5


def test_where_no_tracker_answers_every_tree_is_left_to_the_outage() -> None:
    there = _copied()
    assert isinstance(there.source, FakeHost)
    there.source.printed["changes"] = [b'{"problem": "it is silent"}']
    assert list(AGAIN.run(there)) == []
    (lag,) = AGAIN.lag(there)
    assert (lag.part, lag.behind) == (f"the proof of {MAIL}, {DOCS}", 2)
