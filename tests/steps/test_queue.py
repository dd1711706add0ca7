"""The mail queue: whoever got a 250 for a message finds it delivered."""

from __future__ import annotations

import pytest

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.change import Keep, SyncTree, Together
from transhume.core.finding import Finding
from transhume.errors import StepFailed
from transhume.steps.queue import QUEUES, SPOOL, MoveQueue, messages

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


def test_a_message_that_is_missing_is_told() -> None:
    pair = servers()
    assert list(STEP.verify(pair)) == []
    assert isinstance(pair.target, FakeHost)
    pair.target.said[f"find {SPOOL}/active"] = ".\n"
    (found,) = STEP.verify(pair)
    assert isinstance(found, Finding)
    assert found.seen == "2 messages are queued on the source, 1 on the target"
