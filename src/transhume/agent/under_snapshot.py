"""Makes a logical slot and runs programs, the first of them under the snapshot of the slot.

Arguments: how libpq reaches the database with `replication=database`, the slot's name, then each
program with its arguments after a `--`. The slot keeps every change from the snapshot on, so a
copy of the snapshot and the slot's changes are the whole. When a program fails, or this one is
ended, the slot is dropped: nobody would read it, and it would fill the source's disk.
"""

import select
import signal
import subprocess
import sys
from types import FrameType
from typing import List, Optional

# A slot begins once every transaction that writes at this moment has ended.
LIMIT_SECONDS = 600


class Refused(Exception):
    """The slot can't be had, or a program failed; says why."""


class Ending:
    """Whether this program was asked to end. An exception could come between the start of a child
    and the line that knows of it, and leave the child behind."""

    def __init__(self) -> None:
        self.asked = 0
        self.child = None  # type: Optional[subprocess.Popen[bytes]]

    def ask(self, number: int, frame: Optional[FrameType]) -> None:
        """The signal's handler."""
        self.asked = number
        if self.child is not None:
            self.child.terminate()

    def heed(self) -> None:
        """End here when asked to."""
        if self.asked:
            raise SystemExit(128 + self.asked)


ENDING = Ending()


def programs(words: List[str]) -> List[List[str]]:
    """The command lines between the dashes."""
    found = []  # type: List[List[str]]
    for word in words:
        if word == "--":
            found.append([])
        else:
            found[-1].append(word)
    return found


class Session:
    """One connection to the source that speaks the replication protocol, by way of psql."""

    def __init__(self, where: str) -> None:
        argv = ["psql", "-XqAt", "-F|", "-v", "ON_ERROR_STOP=1", "-d", where]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin
        assert process.stdout
        self._psql, self._in, self._out = process, process.stdin, process.stdout

    def say(self, command: str, limit: int) -> List[str]:
        """The one row of the answer."""
        self._in.write((command + ";\n").encode())
        self._in.flush()
        for _ in range(limit):
            ENDING.heed()
            if select.select([self._out], [], [], 1)[0]:
                break
        else:
            self._psql.kill()
            raise Refused(
                "no answer to %s within %d s: a transaction that writes is open on the source "
                "all that time (pg_stat_activity names it)" % (command, limit)
            )
        line = self._out.readline().decode().strip()
        if not line:
            raise Refused("the source refused %s" % command)
        return line.split("|")

    def drop(self, slot: str) -> None:
        """Forget the slot, if this session still stands."""
        try:
            self._in.write(('DROP_REPLICATION_SLOT "%s";\n' % slot).encode())
            self._in.close()
            self._psql.wait(30)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            sys.stderr.write("the slot %s couldn't be dropped\n" % slot)

    def close(self) -> None:
        """End the session; the slot stays."""
        self._in.close()
        self._psql.wait(30)


def run(argv: List[str]) -> None:
    """Run one program to its end; it ends when this one is asked to."""
    process = ENDING.child = subprocess.Popen(argv)
    if ENDING.asked:
        process.terminate()
    status = process.wait()
    ENDING.child = None
    ENDING.heed()
    if status:
        raise Refused("%s ended with status %d" % (argv[0], status))


def work(where: str, slot: str, wanted: List[List[str]]) -> None:
    """The slot, then the programs; the slot goes when one of them fails."""
    session = Session(where)
    try:
        made = session.say('CREATE_REPLICATION_SLOT "%s" LOGICAL pgoutput' % slot, LIMIT_SECONDS)
    except SystemExit:
        # It may come into being all the same.
        session.drop(slot)
        raise
    try:
        run([*wanted[0], "--snapshot=" + made[2]])
        # Any command lets go of the snapshot, which keeps the source from cleaning up.
        session.say("IDENTIFY_SYSTEM", 60)
        for argv in wanted[1:]:
            run(argv)
    except BaseException:
        session.drop(slot)
        raise
    session.close()


def main(arguments: List[str]) -> int:
    """Exit status 0 when all programs ended well."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ENDING.ask)
    try:
        work(arguments[0], arguments[1], programs(arguments[2:]))
    except Refused as refusal:
        sys.stderr.write("%s\n" % refusal)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
