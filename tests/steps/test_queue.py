"""The mail queue: whoever got a 250 for a message finds it delivered."""

from __future__ import annotations

import json

import pytest

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.change import Keep, SyncTree, Together
from transhume.core.host import Output, Pair
from transhume.errors import StepFailed
from transhume.steps.queue import QUEUES, SPOOL, MoveQueue, messages, prove, time_of

STEP = MoveQueue("postfix.service")


def test_mail_stands_while_its_queue_is_filled_and_named_anew() -> None:
    acts = [change.act for change in STEP.run(servers())]
    words = [next(iter(act.commands())).argv[:2] for act in acts]
    assert words[0] == ("systemctl", "stop")
    assert words[-2:] == [("postsuper", "-s"), ("sync", "-f")]
    (trees,) = [act for act in acts if isinstance(act, Together)]
    assert trees.acts == tuple(SyncTree(f"{SPOOL}/{queue}", finish=True) for queue in QUEUES)


def test_going_back_leaves_the_sources_copy_to_be_delivered() -> None:
    assert all(isinstance(change.back, Keep) for change in STEP.run(servers()))


@pytest.mark.parametrize(("printed", "count"), [("", 0), (".\n", 1), (".\n.\n.\n", 3)])
def test_messages_are_counted_whatever_their_names_are(printed: str, count: int) -> None:
    assert messages(FakeHost("source", said={"find": printed})) == count


def test_a_queue_that_cant_be_read_is_not_an_empty_one() -> None:
    with pytest.raises(StepFailed):
        messages(FakeHost("source", said={"find": 1}))


def _told(*names: str) -> str:
    messages = [
        {"queue_id": name, "arrival_time": 7, "message_size": 254, "sender": "a@example.org"}
        for name in names
    ]
    return "".join(f"{json.dumps(message)}\n" for message in messages)


def _two(there: str, here: str) -> Pair:
    pair = servers()
    for host, printed in ((pair.source, there), (pair.target, here)):
        assert isinstance(host, FakeHost)
        host.said |= {"postqueue -j": printed, "journalctl": "", "grep": 1, "postconf -h": "\n"}
    return pair


@pytest.mark.parametrize(
    ("name", "time"),
    [("B48881024D7", "B4888"), ("B4888E2239", "B4888"), ("4bT3qk0xYzz5Lq", "4bT3qk0xYz")],
)
def test_a_queue_files_name_says_when_and_where(name: str, time: str) -> None:
    assert time_of(name) == time


def test_messages_are_the_same_under_other_names() -> None:
    pair = _two(_told("B4888E2239", "C7D3EE1DD1"), _told("C7D3E1024D9", "B48881024D7"))
    assert list(STEP.verify(pair)) == []
    (proof,) = prove(pair, 0)
    assert (proof.compared, proof.equal) == (2, 2)


def test_a_message_that_is_missing_or_too_many_is_told() -> None:
    pair = _two(_told("B4888E2239", "C7D3EE1DD1"), _told("B48881024D7", "B48881024D8"))
    assert [item.seen for item in STEP.verify(pair)] == [
        "C7D3E… from <a@example.org>, 254 bytes is queued on the source, and not on the target",
        "B4888… from <a@example.org>, 254 bytes is queued on the target, and not on the source",
    ]


_LOG = "Nov 23 02:40:00 new postfix/qmgr[9]: C7D3E1024D9: removed\n"


@pytest.mark.parametrize(
    ("journal", "log", "whole"),
    [
        ("", 1, False),
        ("C7D3E1024D9: removed\n", 1, True),
        ("", _LOG, True),
        ("", Output(2, _LOG.encode(), b""), True),
        ("B48881024D9: removed\n", 1, False),
    ],
)
def test_after_the_opening_a_message_may_have_been_delivered(
    journal: str, log: str | int | Output, whole: bool
) -> None:
    pair = _two(_told("C7D3EE1DD1"), "")
    assert isinstance(pair.target, FakeHost)
    pair.target.said |= {"journalctl": journal, "grep": log}
    (proof,) = prove(pair, 1_700_000_000.0)
    assert (proof.whole, proof.since) == (whole, int(whole))
    assert not next(prove(pair, 0)).whole


def test_an_empty_queue_has_nothing_to_prove_and_an_unreadable_one_isnt_empty() -> None:
    assert list(prove(_two("", ""), 0)) == []
    pair = _two("", "")
    assert isinstance(pair.source, FakeHost)
    pair.source.said["postqueue -j"] = 69
    with pytest.raises(StepFailed):
        list(prove(pair, 0))
