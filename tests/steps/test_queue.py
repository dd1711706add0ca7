"""The mail queue: whoever got a 250 for a message finds it delivered."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.change import Keep, SyncTree, Together
from transhume.core.host import Output, Pair
from transhume.core.step import Step
from transhume.errors import StepFailed
from transhume.steps.queue import (
    _HAND_OVER,
    _PUT_ASIDE,
    SPOOL,
    MoveQueue,
    ReleaseQueue,
    messages,
    prove,
    time_of,
)

STEP = MoveQueue("postfix.service")


FOUND = "find /var/spool/postfix/active /var/spool/postfix/bounce"
ASIDE = f"{SPOOL}/transhume"


def _filled(there: str, here: str) -> Pair:
    """Both machines with files in these folders of the queue; mail is stopped on the target."""
    pair = servers()
    for host, queues in ((pair.source, there), (pair.target, here)):
        assert isinstance(host, FakeHost)
        host.said[FOUND] = "".join(f"{SPOOL}/{queue}\n" for queue in queues.split())
        host.said["postqueue -j"] = ""
    assert isinstance(pair.target, FakeHost)
    pair.target.units["postfix.service"] = ("inactive", "masked")
    return pair


def _typed(pair: Pair, step: Step = STEP) -> list[str]:
    acts = [change.act for change in step.run(pair)]
    return [" ".join(command.argv[:3]) for act in acts for command in act.commands()]


def test_the_queue_is_named_anew_and_held_so_that_nothing_leaves() -> None:
    pair = _filled("deferred defer", "hold")
    copy, *rest = [change.act for change in STEP.run(pair)]
    assert isinstance(copy, Together)
    assert copy.acts == tuple(
        SyncTree(f"{SPOOL}/{queue}", finish=True) for queue in ("defer", "deferred", "hold")
    )
    typed = [" ".join(command.argv[:3]) for act in rest for command in act.commands()]
    assert typed[0].startswith("sh -c rm -rf")
    assert typed[1:] == ["postsuper -s", "postsuper -h ALL", f"sync -f {SPOOL}"]


def test_of_an_empty_queue_nothing_is_copied() -> None:
    assert not any("rsync" in line for line in _typed(_filled("", "")))


def test_mail_that_a_kill_left_running_stands_while_its_queue_is_filled() -> None:
    pair = _filled("deferred", "")
    assert isinstance(pair.target, FakeHost)
    pair.target.units["postfix.service"] = ("active", "")
    assert _typed(pair)[0] == "systemctl stop postfix.service"


def test_going_back_leaves_the_sources_copy_to_be_delivered() -> None:
    changes = list(STEP.run(_filled("deferred", "")))
    assert changes
    assert all(isinstance(change.back, Keep) for change in changes)


def _open(source: str, target: str, *, waits: bool = True) -> Pair:
    """After the opening, with these messages queued; whether they still wait."""
    pair = _filled("", "")
    for host, printed in ((pair.source, source), (pair.target, target)):
        assert isinstance(host, FakeHost)
        host.said["postqueue -j"] = printed
    assert isinstance(pair.target, FakeHost)
    pair.target.folders |= {ASIDE} if waits else set()
    return pair


def test_once_it_is_open_all_goes_but_what_the_admin_holds() -> None:
    source = _told("B4888E2239", queue="hold") + _told("C7D3EE1DD1")
    pair = _open(source, _told("C7D3E1024D9", "B48881024D7", queue="hold"))
    over, release, noted = (change.act for change in ReleaseQueue().run(pair))
    assert next(iter(over.commands())).argv[4:] == (f"{SPOOL}/maildrop", ASIDE)
    first, second = release.commands()
    assert (first.argv, first.input) == (("postsuper", "-H", "-"), b"C7D3E1024D9\n")
    assert second.argv == ("postfix", "reload")
    assert next(iter(noted.commands())).argv == ("rmdir", "--", ASIDE)
    assert [item.key for item in ReleaseQueue().verify(pair)] == ["queue-held"]


def test_what_is_held_later_is_the_admins_own_affair() -> None:
    pair = _open("", _told("C7D3E1024D9", queue="hold"), waits=False)
    assert list(ReleaseQueue().run(pair)) == []
    assert list(ReleaseQueue().verify(pair)) == []


@pytest.mark.programs("sh", "rm", "mkdir", "find", "mv", "rmdir")
def test_what_nobody_has_read_waits_aside_and_is_handed_over_once(tmp_path: Path) -> None:
    unread, aside = tmp_path / "maildrop", tmp_path / "aside"
    aside.mkdir()
    (aside / "of an earlier attempt").touch()
    unread.mkdir()
    for name in ("A1", "-B 2"):
        (unread / name).write_text(name)
    for script in (_PUT_ASIDE, _PUT_ASIDE):
        # As rsync brings it once more after a kill.
        (unread / "A1").write_text("A1")
        subprocess.run(["sh", "-c", script, "x", str(unread), str(aside)], check=True)
        assert list(unread.iterdir()) == []
        assert (aside / "A1").exists()
    (aside / "-B 2").write_text("-B 2")
    subprocess.run(["sh", "-c", _HAND_OVER, "x", str(unread), str(aside)], check=True)
    assert sorted(path.name for path in unread.iterdir()) == ["-B 2", "A1"]
    (unread / "A1").unlink()  # read by Postfix
    subprocess.run(["sh", "-c", _HAND_OVER, "x", str(unread), str(aside)], check=True)
    assert [path.name for path in unread.iterdir()] == ["-B 2"]


@pytest.mark.parametrize(("printed", "count"), [("", 0), (".\n", 1), (".\n.\n.\n", 3)])
def test_messages_are_counted_whatever_their_names_are(printed: str, count: int) -> None:
    assert messages(FakeHost("source", said={"find": printed})) == count


def test_a_queue_that_cant_be_read_is_not_an_empty_one() -> None:
    with pytest.raises(StepFailed):
        messages(FakeHost("source", said={"find": 1}))


def _told(*names: str, queue: str = "deferred") -> str:
    known = {"arrival_time": 7, "message_size": 254, "sender": "a@example.org"}
    messages = [{"queue_id": name, "queue_name": queue, **known} for name in names]
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
