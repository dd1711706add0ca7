"""Watch over a switch on one machine: without a word for some time it goes back by itself.

    guard.py watch FOLDER LIMIT     the service: go back when LIMIT seconds passed without a word
    guard.py boot FOLDER            before the network is up: an unconfirmed address isn't taken
    guard.py WORD FOLDER            renew, commit, confirm or arm; status 3 when it has gone back

FOLDER holds the state, the last word heard, and shell scripts which only the mover wrote: `back`
goes back; `free`, where there is one, must succeed before that (the source waits until nobody
holds its address); `contested` succeeds when another machine holds what this one holds; `forth`
takes the place anew.

A state is one word: `armed` (silence sends it back), `committing` (the other machine may have been
told to stay away for good, or not yet that it may come, so silence keeps the place and a reboot
takes it anew if it is free), `confirmed`, `fired` (it goes back as soon as it may), `returning`,
`returned`.
"""

import fcntl
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import Callable, Iterator, Tuple

TICK_SECONDS = 1.0
LOOK_TICKS = 5
MOST_TICKS = 60
GONE = 3
TRIAL = ("armed", "committing")
BACKWARDS = ("fired", "returning")
LEADS = {
    "renew": {"armed": "armed", "committing": "committing", "confirmed": "confirmed"},
    "commit": {"armed": "committing", "committing": "committing", "confirmed": "committing"},
    "confirm": {"armed": "confirmed", "committing": "confirmed", "confirmed": "confirmed"},
    "arm": {"armed": "armed", "committing": "armed", "confirmed": "armed", "fired": "armed"},
}


def put(path: str, text: str) -> None:
    """Whole and on disk, or not at all: a power cut must not leave a state in between."""
    with open(path + ".new", "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".new", path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def get(path: str) -> str:
    """The text, without its line's end; empty where there is no file."""
    try:
        with open(path) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """One at a time decides."""
    with open(os.path.join(folder, "lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def uptime() -> float:
    """Seconds, those of a suspended machine too; a stepped clock doesn't count."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", 7))


class Watch:
    """One run of the service."""

    def __init__(self, folder: str, limit: float) -> None:
        self.folder = folder
        self.limit = limit
        self.heard = ""
        self.since = uptime()
        self.ticks = 0
        self.forth_done = False
        self.pause = self.again = 0

    def path(self, name: str) -> str:
        """A file of the folder."""
        return os.path.join(self.folder, name)

    def run(self, script: str) -> bool:
        """Whether the script succeeded; one that isn't there did."""
        if not os.path.exists(self.path(script)):
            return True
        return subprocess.call(["sh", self.path(script)], stdin=subprocess.DEVNULL) == 0

    def contested(self) -> bool:
        """Whether another machine holds what this one holds."""
        return os.path.exists(self.path("contested")) and self.run("contested")

    def tick(self) -> None:
        """Look once, and do what has to be done."""
        looked = self.ticks % LOOK_TICKS == 0
        self.ticks += 1
        state = get(self.path("state"))
        if state != "committing":
            # It is held, and only a restart takes it away: on a way back nothing is taken anew.
            self.forth_done = True
        if state == "committing" and looked and not self.forth_done:
            self.forth_done = self.take_anew()
        if state in TRIAL and looked and self.contested():
            self.fire(TRIAL, lambda: True)
        if self.silent():
            self.fire(("armed",), self.silent)
        if get(self.path("state")) in BACKWARDS:
            self.go_back()

    def take_anew(self) -> bool:
        """After a restart, unless it isn't free, or given up at this moment."""
        with locked(self.folder):
            return get(self.path("state")) == "committing" and self.run("forth")

    def silent(self) -> bool:
        """Whether no word came for too long."""
        word = get(self.path("word"))
        if word != self.heard:
            self.heard, self.since = word, uptime()
        return uptime() - self.since > self.limit

    def fire(self, states: Tuple[str, ...], still: Callable[[], bool]) -> None:
        """From here on nobody may rely on this machine, and whoever renews is told so."""
        with locked(self.folder):
            # A word may have come meanwhile.
            if get(self.path("state")) in states and still():
                put(self.path("state"), "fired")

    def go_back(self) -> None:
        """Go back unless that may not be yet; made again until it is through."""
        if self.ticks < self.again or not self.run("free"):
            return
        with locked(self.folder):
            if get(self.path("state")) not in BACKWARDS:
                return
            put(self.path("state"), "returning")
        if self.run("back"):
            put(self.path("state"), "returned")
        else:
            # What failed may need time, or somebody: room on a disk, for instance.
            self.pause = min(2 * self.pause or 1, MOST_TICKS)
            self.again = self.ticks + self.pause


def watch(folder: str, limit: str) -> int:
    """Look every second, for good."""
    one = Watch(folder, float(limit))
    while True:
        one.tick()
        time.sleep(TICK_SECONDS)


def boot(folder: str) -> int:
    """What was taken for a trial isn't come up with: nobody knows who holds it by now."""
    if get(os.path.join(folder, "state")) in TRIAL + BACKWARDS:
        subprocess.call(["sh", os.path.join(folder, "back"), "boot"], stdin=subprocess.DEVNULL)
    return 0


def say(word: str, folder: str) -> int:
    """Take a word from the mover, unless it comes too late."""
    with locked(folder):
        state = get(os.path.join(folder, "state"))
        if state not in LEADS[word]:
            sys.stderr.write("it has gone back to where it was: %s\n" % (state or "no guard"))
            return GONE
        if LEADS[word][state] != state:
            put(os.path.join(folder, "state"), LEADS[word][state])
        # Not durable: a machine that was restarted counts from its start.
        with open(os.path.join(folder, "word"), "w") as file:
            file.write(os.urandom(8).hex())
    return 0


def main(act: str, folder: str, *rest: str) -> int:
    """What was typed."""
    if act == "watch":
        return watch(folder, *rest)
    return boot(folder) if act == "boot" else say(act, folder)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
