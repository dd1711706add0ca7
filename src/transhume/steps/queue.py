"""Move Postfix's queue: what was accepted and not yet delivered moves along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Change, Keep, Run, SyncTree, Together
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.step import Step

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
_MESSAGES = ("active", "deferred", "hold", "incoming", "maildrop")


def messages(host: Host) -> int:
    """How many messages wait in a machine's queue; its Postfix may be stopped."""
    folders = [f"{SPOOL}/{queue}" for queue in _MESSAGES]
    return len(host.read("find", *folders, "-type", "f", "-printf", ".\\n").split())


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
        there, here = messages(pair.source), messages(pair.target)
        if there != here:
            seen = f"{there} messages are queued on the source, {here} on the target"
            yield Finding("queue-differs", "blocks", "target", seen)
