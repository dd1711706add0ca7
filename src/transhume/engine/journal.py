"""The Journal: every event on disk before the act, in SQLite; another process may read along."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transhume.core.event import Event, Kind, Progress
from transhume.core.plan import Identity
from transhume.core.writable import unwritable, writable
from transhume.engine.codec import Bodies
from transhume.engine.private import open_to_others
from transhume.engine.state import State, apply, fold
from transhume.errors import Busy, JournalRefused

VERSION = 1
FILE, BODIES = "journal.db", "bodies"
_LOST = "restore it from a backup; without it nothing can be taken back automatically"

_TABLES = """
create table event (
    id integer primary key, at real not null, kind text not null, data text not null,
    seal integer not null);
create table progress (part text primary key, done integer, total integer, unit text, at real);
"""
# Progress has no seal, as it decides nothing; what damage made of it must not reach a screen.
_PROGRESS = """
select part, done, total, unit, at from progress
where typeof(part) = 'text' and typeof(done) = 'integer' and typeof(total) = 'integer'
  and unit in ('bytes', 'tables', 'entries') and typeof(at) = 'real'
"""
# Whoever loses one of these in a power failure was as good as cut off right before it: nothing is
# done that doesn't stand in a later event, and to have that on disk is to have these there, too.
_FOLLOWED: frozenset[Kind] = frozenset({"step-begun", "step-skipped", "step-done", "proved"})
# SQLite quotes what is damaged in its message, which then may be no text.
_UNREADABLE = (sqlite3.Error, UnicodeError)
# What SQLITE_FULL and SQLITE_READONLY are in words; the number comes with Python 3.11.
_NO_ROOM = ("database or disk is full", "attempt to write a readonly database")
_UNTOUCHED = "Nothing was touched."


class Journal:
    """One move's journal in its state folder; `listen` gets each event after it is on disk."""

    def __init__(self, folder: Path, listen: Callable[[Event], None] = lambda event: None) -> None:
        self._listen = listen
        self._lock = threading.Lock()
        self._state: State | None = None
        self.bodies = Bodies(folder / BODIES)
        with writable("the journal", _UNTOUCHED):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_foreign(folder)
            os.close(os.open(folder / FILE, os.O_CREAT | os.O_RDWR, 0o600))
        with ExitStack() as opened, _understood():
            self._database = opened.enter_context(closing(_open(folder / FILE, "rw")))
            if _empty(self._database):
                # One script, so that a power failure leaves a whole journal or an empty file.
                script = f"begin;{_TABLES}pragma user_version={VERSION};commit;"
                self._database.executescript(script)
            opened.pop_all()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def write(self, kind: Kind, **data: Any) -> Event:
        """Put the event on disk, then hand it to the listener.

        It is there whatever becomes of this process. A power failure may take the last events that
        nothing was done after; waiting for the disk at each of them would be waited for by people.
        """
        at, text = time.time(), json.dumps(data)
        with self._lock, _written(), self._soon() if kind in _FOLLOWED else nullcontext():
            cursor = self._database.execute(
                "insert into event (at, kind, data, seal) values (?, ?, ?, ?)",
                (at, kind, text, _seal(at, kind, text)),
            )
            event = Event(cursor.lastrowid or 0, at, kind, data)
            if self._state is not None:
                apply(self._state, event)
        self._listen(event)
        return event

    def progress(self, progress: Progress) -> None:
        """Note how far a part is, for readers in other processes."""
        values = (progress.part, progress.done, progress.total, progress.unit, time.time())
        with self._lock, _written(), self._soon():
            self._database.execute("insert or replace into progress values (?, ?, ?, ?, ?)", values)

    @contextmanager
    def _soon(self) -> Iterator[None]:
        """What is written inside is on disk with the next thing that is waited for."""
        self._database.execute("pragma synchronous=normal")
        try:
            yield
        finally:
            self._database.execute("pragma synchronous=full")

    def events(self) -> list[Event]:
        """All events so far."""
        with self._lock:
            return list(_events(self._database))

    @property
    def state(self) -> State:
        """Where the move stands now; it goes on with what is written."""
        with self._lock:
            if self._state is None:
                self._state = fold(_events(self._database))
            return self._state

    def claim(self, identity: Identity) -> None:
        """Begin the move, or make sure that it is the one that was begun."""
        wanted = json.loads(json.dumps(asdict(identity)))
        opened = [event for event in self.events() if event.kind == "opened"]
        if not opened:
            self.write("opened", **wanted)
            return
        differing = [
            f"{key}: {opened[0].data.get(key)!r} in the journal, {wanted[key]!r} now"
            for key in wanted
            if wanted[key] != opened[0].data.get(key)
        ]
        if differing:
            raise JournalRefused(
                f"the journal belongs to another move ({'; '.join(differing)})",
                state=_UNTOUCHED,
                remedy="put the settings back, or finish that move: transhume finish",
            )


def read(folder: Path) -> tuple[list[Event], list[tuple[Progress, float]]]:
    """Events and latest progress of a journal that another process may be writing."""
    path = folder / FILE
    if not path.exists():
        raise JournalRefused(
            f"no move was begun here: {path} doesn't exist", remedy="transhume init SOURCE"
        )
    _refuse_foreign(path)
    with closing(_open(path, "ro")) as database, _understood():
        if _empty(database):
            return [], []
        rows = database.execute(_PROGRESS).fetchall()
        return list(_events(database)), [(Progress(*row[:4]), row[4]) for row in rows]


def _refuse_foreign(path: Path) -> None:
    """What stands in a journal is typed as root on the way back."""
    foreign = open_to_others(path)
    if foreign is not None:
        raise JournalRefused(
            f"others than root may write {foreign}, and with it the journal",
            state=_UNTOUCHED,
            remedy=f"see who wrote there; then: chown root: {foreign}; chmod go-w {foreign}",
        )


def _open(path: Path, mode: str) -> sqlite3.Connection:
    try:
        with ExitStack() as opened:
            database = opened.enter_context(closing(_connected(path, mode)))
            version = database.execute("pragma user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise JournalRefused(
                    f"the journal {path} is of version {version}, this transhume writes "
                    f"version {VERSION}",
                    remedy="use the transhume that began the move",
                )
            if mode == "rw":
                database.execute("pragma journal_mode=wal")
                # A step is on disk before it acts, also when the power fails.
                database.execute("pragma synchronous=full")
            opened.pop_all()
            return database
    except _UNREADABLE as error:
        _needs_room(error)
        raise JournalRefused(f"the journal {path} can't be read: {error}", remedy=_LOST) from None


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=30,
    )


def _empty(database: sqlite3.Connection) -> bool:
    """Whether it has no tables yet: who made it was killed right then."""
    return not database.execute("select count(*) from sqlite_master").fetchone()[0]


def _events(database: sqlite3.Connection) -> Iterator[Event]:
    query = "select id, at, kind, data, seal from event order by id"
    with _understood():
        for number, (id_, at, kind, data, seal) in enumerate(database.execute(query), 1):
            if id_ != number or seal != _seal(at, kind, data):
                raise JournalRefused(f"the journal is damaged at its entry {number}", remedy=_LOST)
            yield Event(id_, at, kind, json.loads(data))


def _seal(at: float, kind: str, data: str) -> int:
    """A flipped bit in an entry must not become another claim: SQLite itself doesn't notice."""
    return zlib.crc32(f"{at!r} {kind} {data}".encode(errors="surrogatepass"))


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        _needs_room(error)
        raise JournalRefused(f"the journal is damaged: {error}", remedy=_LOST) from None


def _needs_room(error: Exception) -> None:
    """A full disk is no damage; its log takes room (https://www.sqlite.org/wal.html)."""
    if str(error) in _NO_ROOM:
        raise unwritable("the journal", error, _UNTOUCHED) from None


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise unwritable("the journal", error) from None
    except sqlite3.Error as error:
        # Damage where nothing is read, but where the next entry goes.
        raise JournalRefused(f"the journal is damaged: {error}", remedy=_LOST) from None


def held(folder: Path) -> bool:
    """Whether a process holds the move now."""
    try:
        with (folder / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the move for this process; Busy when another one does. The kernel lets go at a kill."""
    with writable("the journal", _UNTOUCHED):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise Busy(
                f"another transhume holds this move (process {file.read().strip() or 'unknown'})",
                state=_UNTOUCHED,
                remedy="watch it: transhume status --follow",
            ) from None
        with writable("the journal", _UNTOUCHED):
            file.truncate(0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
