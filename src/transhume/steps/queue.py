"""Move Postfix's queue: what was accepted and not yet delivered moves along."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from transhume.core.change import Change, Keep, Run, Series, SyncTree, Together
from transhume.core.finding import Finding, Proof
from transhume.core.host import Host, Pair
from transhume.core.step import Phase, Step
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
_HELD, _UNREAD = "hold", "maildrop"
_ASIDE = f"{SPOOL}/transhume"
"""While it is there the target's queue waits; in it lies what nobody has read yet."""
_PUT_ASIDE = (
    'rm -rf -- "$2" && mkdir -m 0700 -- "$2" && '
    'find "$1" -mindepth 1 -maxdepth 1 -type f -exec mv -t "$2" -- {} +'
)
_HAND_OVER = 'find "$2" -mindepth 1 -maxdepth 1 -type f -exec mv -t "$1" -- {} +'
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
    queue: str = field(default="", compare=False)
    """In which of the queues it was seen: on its way it changes from one to another."""

    def __str__(self) -> str:
        return f"{self.time}… from <{self.sender}>, {self.size} bytes"


def time_of(name: str) -> str:
    """The part of a queue file's name that says when; the rest follows the inode."""
    # Long names have no vowels, and always a z; short ones are hexadecimal with capitals.
    return name.rpartition("z")[0] if "z" in name else name[:5]


def queued(host: Host) -> Counter[Message]:
    """The messages in a machine's queue; its Postfix may be stopped."""
    return Counter(message for _, message in _listed(host))


def _listed(host: Host) -> Iterator[tuple[str, Message]]:
    """The name of each queue file, and the message in it."""
    for line in host.read("postqueue", "-j").split("\n"):
        if line.strip():
            one = json.loads(line)
            name, sizes = one["queue_id"], (one["arrival_time"], one["message_size"])
            yield name, Message(time_of(name), *sizes, one["sender"], one.get("queue_name", ""))


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


def held() -> Run:
    """Put the target's messages on hold: its Postfix may run then, and nothing leaves.

    What lies in maildrop can't be (postsuper(1)): it is kept aside.
    """
    return Run("target", ("postsuper", "-h", "ALL"))


def held_while_it_waits() -> Run:
    """The same, but not once the queue was let go of: nobody would let it go again."""
    hold = 'test ! -d "$1" || exec postsuper -h ALL'
    return Run("target", ("sh", "-c", hold, "hold", _ASIDE))


@dataclass(frozen=True)
class MoveQueue(Step):
    """Queue files are named by their inode, so Postfix renames them on the new disk."""

    mail: str
    key = "move-queue"
    title = "move the mail queue"
    why = "Whoever got a 250 for a message must find it delivered; the source keeps its copy."
    phase = "cutover"
    account = "files"
    usual = (0.3, 1.5)
    settled_by = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        keep = Keep("it is on hold on the target; the source still has the same messages")
        filled = _filled(pair)
        if pair.target.ask("systemctl", "is-active", "--quiet", self.mail).status == 0:
            stop = Run("target", ("systemctl", "stop", self.mail))
            yield Change("stop mail while its queue is filled", stop, keep)
        if filled:
            trees = tuple(SyncTree(f"{SPOOL}/{queue}", finish=True) for queue in filled)
            yield Change("copy the queue", Together(trees), keep)
        aside = Run("target", ("sh", "-c", _PUT_ASIDE, "aside", f"{SPOOL}/{_UNREAD}", _ASIDE))
        yield Change("keep aside what nobody has read yet", aside, keep)
        named = Series((Run("target", ("postsuper", "-s")), held()))
        yield Change("name the queue files anew, and hold them", named, keep)
        yield Change("wait until it is on disk", Run("target", ("sync", "-f", SPOOL)), keep)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        there, here = queued(pair.source), queued(pair.target)
        for message in (there - here).elements():
            # Nobody has read it yet, so it is in no list of the target's.
            if message.queue != _UNREAD:
                seen = f"{message} is queued on the source, and not on the target"
                yield Finding("queue-differs", "blocks", "target", seen)
        for message in (here - there).elements():
            seen = f"{message} is queued on the target, and not on the source"
            yield Finding("queue-differs", "blocks", "target", seen)


def _filled(pair: Pair) -> tuple[str, ...]:
    """The queues in which either machine has a file."""
    folders = [f"{SPOOL}/{queue}" for queue in QUEUES]
    found = [
        set(host.read("find", *folders, "-type", "f", "-printf", r"%H\n").split("\n"))
        for host in (pair.source, pair.target)
    ]
    known = set().union(*found)
    return tuple(queue for queue in QUEUES if f"{SPOOL}/{queue}" in known)


@dataclass(frozen=True)
class ReleaseQueue(Step):
    """Only what the source's admin has put on hold stays there."""

    key = "release-queue"
    title = "let queued mail go"
    why = "The target is open: what waited is delivered, at the time at which it would have been."
    phase: ClassVar[Phase] = "after"
    account = "files"

    def run(self, pair: Pair) -> Iterator[Change]:
        if not _waits(pair.target):
            return
        leaves = Keep("what has left can't be called back, and people are served already")
        over = Run("target", ("sh", "-c", _HAND_OVER, "over", f"{SPOOL}/{_UNREAD}", _ASIDE))
        yield Change("hand over what nobody has read yet", over, leaves)
        names = _releasable(pair)
        if names:
            listed = "".join(f"{name}\n" for name in names).encode()
            release = Run("target", ("postsuper", "-H", "-"), listed)
            # Its queue manager looks for what is due when it begins anew (qmgr(8)), not before.
            look = Run("target", ("postfix", "reload"))
            yield Change(f"let {len(names)} messages go", Series((release, look)), leaves)
        yield Change("note that nothing waits", Run("target", ("rmdir", "--", _ASIDE)), leaves)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        if _waits(pair.target):
            yield Finding("queue-held", "blocks", "target", "its queue still waits")


def _waits(target: Host) -> bool:
    return target.ask("test", "-d", _ASIDE).status == 0


def _releasable(pair: Pair) -> list[str]:
    """The target's messages on hold that weren't on the source."""
    meant = Counter(message for name, message in _listed(pair.source) if message.queue == _HELD)
    found = []
    for name, message in _listed(pair.target):
        if message.queue != _HELD:
            continue
        if meant[message]:
            meant[message] -= 1
        else:
            found.append(name)
    return found
