"""Move Postfix's queue: what was accepted and not yet delivered moves along."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Change, Keep, Run, SyncTree, Together
from transhume.core.finding import Finding, Proof
from transhume.core.host import Host, Pair
from transhume.core.step import Step
from transhume.core.tally import Tally, Tell, untold

SPOOL = "/var/spool/postfix"
QUEUES = (
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "hold",
    "incoming",
    "maildrop",
    "trace",
)
_MANAGER = "postfix/qmgr"
_DONE = "([0-9A-Za-z]+): removed"
# Where Debian's and Red Hat's syslog write what mail says; a journal that isn't kept is empty.
_LOGS = ("/var/log/mail.log", "/var/log/mail.log.1", "/var/log/maillog")
_MESSAGES = ("active", "deferred", "hold", "incoming", "maildrop")


def messages(host: Host) -> int:
    """How many messages wait in a machine's queue; its Postfix may be stopped."""
    folders = [f"{SPOOL}/{queue}" for queue in _MESSAGES]
    return len(host.read("find", *folders, "-type", "f", "-printf", ".\\n").split())


@dataclass(frozen=True)
class Message:
    """A queued message by what a move keeps.

    The name of a queue file is made of the time and the number of the inode, in hexadecimal or,
    where names are long, with a z between the two (postconf(5), enable_long_queue_ids). `time` is
    the first part; `arrived` is in seconds since the epoch, `size` in bytes.
    """

    time: str
    arrived: int
    size: int
    sender: str

    def __str__(self) -> str:
        return f"{self.time}… from <{self.sender}>, {self.size} bytes"


def time_of(name: str) -> str:
    """The part of a queue file's name that says when; the rest follows the inode."""
    # Long names have no vowels, and always a z; short ones are hexadecimal with capitals.
    return name.rpartition("z")[0] if "z" in name else name[:5]


def queued(host: Host) -> Counter[Message]:
    """The messages in a machine's queue; its Postfix may be stopped."""
    printed = host.read("postqueue", "-j")
    told = [json.loads(line) for line in printed.split("\n") if line.strip()]
    return Counter(
        Message(time_of(one["queue_id"]), one["arrival_time"], one["message_size"], one["sender"])
        for one in told
    )


def delivered(host: Host, opened: float) -> frozenset[str]:
    """The times of the messages that Postfix's queue manager has done with since the opening.

    Nobody else counts: what was taken out of the queue by hand wasn't delivered.
    """
    since = f"--since=@{opened:.0f}"
    noted = host.ask("journalctl", "-q", "--no-pager", "-o", "cat", "-t", _MANAGER, since).text
    own = host.ask("postconf", "-h", "maillog_file").text.strip()
    logs = (*_LOGS, *((own,) if own.startswith("/") else ()))
    # Also to be had from a file where the journal keeps nothing of it.
    written = host.ask("grep", "-hsE", rf"{_MANAGER}\[[0-9]+\]: {_DONE}$", *logs).text
    return frozenset(time_of(found) for found in re.findall(_DONE, noted + written))


def prove(pair: Pair, opened: float, tell: Tell = untold) -> Iterator[Proof]:
    """Every message that the source had is queued on the target, or was delivered by it.

    Nothing when the source's queue is empty.
    """
    wanted, there = queued(pair.source), queued(pair.target)
    missing = wanted - there
    gone = delivered(pair.target, opened) if opened and missing else frozenset()
    tally = Tally("queue", "messages", tell)
    tally.equal((wanted & there).total())
    for message in missing.elements():
        if message.time in gone:
            tally.excused()
        else:
            tally.differs(f"{message}: neither queued on the target nor delivered by it")
    if wanted:
        yield tally.proof()


@dataclass(frozen=True)
class MoveQueue(Step):
    """Queue files are named by their inode, so Postfix renames them on the new disk."""

    mail: str
    key = "move-queue"
    title = "move the mail queue"
    why = "Whoever got a 250 for a message must find it delivered; the source keeps its copy."
    phase = "after"
    account = "files"
    usual = (0.3, 1.5)

    def run(self, pair: Pair) -> Iterator[Change]:
        keep = Keep("mail stays stopped on the target; the source still has the same messages")
        stop = Run("target", ("systemctl", "stop", self.mail))
        yield Change("stop mail while its queue is filled", stop, keep)
        trees = tuple(SyncTree(f"{SPOOL}/{queue}", finish=True) for queue in QUEUES)
        yield Change("copy the queue", Together(trees), keep)
        yield Change("name the queue files anew", Run("target", ("postsuper", "-s")), keep)
        yield Change("wait until it is on disk", Run("target", ("sync", "-f", SPOOL)), keep)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        there, here = queued(pair.source), queued(pair.target)
        for message in (there - here).elements():
            seen = f"{message} is queued on the source, and not on the target"
            yield Finding("queue-differs", "blocks", "target", seen)
        for message in (here - there).elements():
            seen = f"{message} is queued on the target, and not on the source"
            yield Finding("queue-differs", "blocks", "target", seen)
