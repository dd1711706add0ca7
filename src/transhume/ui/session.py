"""Wires one run: settings, the two machines, the plan, the journal, the engine."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Protocol

from transhume import __version__
from transhume.core import toml
from transhume.core.change import SERVICE_FILE, Place
from transhume.core.event import Event, Progress
from transhume.core.host import Host, Pair
from transhume.core.plan import Identity, Plan
from transhume.core.settings import CopySettings, Settings
from transhume.core.writable import KEPT, writable
from transhume.engine.back import ways_back
from transhume.engine.codec import Bodies
from transhume.engine.journal import BODIES, FILE, Journal, alone, read
from transhume.engine.perform import Performer
from transhume.engine.private import open_to_others
from transhume.engine.state import State, fold
from transhume.engine.walk import Engine
from transhume.errors import (
    EnvironmentLacks,
    Interrupted,
    JournalRefused,
    SettingsError,
    StepFailed,
    TranshumeError,
    Unreachable,
)
from transhume.hosts.machine import CORE_SOCKET, POSTGRES_SOCKET, Core, machines
from transhume.hosts.memory import Peaks
from transhume.hosts.postgres import Credentials, Postgres
from transhume.hosts.process import Processes
from transhume.hosts.ssh import FOLDER, SOCKETS, Ssh
from transhume.profiles.bluemind import back, profile
from transhume.profiles.bluemind.layout import Layout, load
from transhume.steps.back.way import Way
from transhume.steps.guard.arm import Arm, Confirm
from transhume.steps.guard.back import ArmBack, TurnBack
from transhume.steps.key import UseKey

SETTINGS = Path("/etc/transhume/move.toml")


class Listener(Protocol):
    """What shows a walk while it runs."""

    def event(self, event: Event) -> None:
        """One event, after it is on disk."""

    def progress(self, progress: Progress) -> None:
        """How far one part is."""


def read_settings(path: Path) -> Settings:
    """The settings file; SettingsError when it is missing or wrong."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(
            f"the settings {path} can't be read: {reason}",
            state="Nothing was touched.",
            remedy="transhume init SOURCE writes them",
        ) from None
    foreign = open_to_others(path)
    if foreign is not None:
        raise SettingsError(
            f"others than root may write {foreign}, and with it what root does",
            state="Nothing was touched.",
            remedy=f"read what stands there; then: chown root: {foreign}; chmod go-w {foreign}",
        )
    return toml.read(Settings, text, f"the settings {path}")


class Limits:
    """What the settings file says now about copying: it may be edited while a walk runs."""

    def __init__(self, path: Path | None, settings: Settings) -> None:
        self._path = path
        self._known = settings.copying
        self._seen = 0

    def __call__(self) -> CopySettings:
        """The last that could be read: an editor may be in the middle of writing it."""
        if self._path is not None:
            with suppress(OSError, SettingsError):
                changed = self._path.stat().st_mtime_ns
                if changed != self._seen:
                    self._known = read_settings(self._path).copying
                    self._seen = changed
        return self._known


def need_root() -> None:
    """Files of all users are read and written, services stopped: that takes root."""
    if os.geteuid() != 0:
        raise EnvironmentLacks(
            "transhume must run as root on the target",
            state="Nothing was touched.",
            remedy="sudo transhume …",
        )


@dataclass(frozen=True)
class Session:
    """Everything that one run needs."""

    settings: Settings
    layout: Layout
    processes: Processes
    ssh: Ssh
    pair: Pair
    plan: Plan
    back: Plan
    """What a way back after the opening begins with."""
    way: Way
    """What is carried then, and why that can't be had."""
    hands: Callable[[Callable[[str], None], Callable[[Progress], None]], Performer]
    peaks: Peaks

    @property
    def folder(self) -> Path:
        """Where the journal is."""
        return Path(self.settings.state)

    def identity(self) -> Identity:
        """What makes this move this one."""
        return Identity(
            self.settings.profile,
            self.settings.source.ssh,
            self.settings.source.host_key,
            Path("/etc/machine-id").read_text().strip(),
            self.settings.address.service,
        )


@contextmanager
def session(settings: Settings, path: Path | None = None) -> Iterator[Session]:
    """Reach both machines, and leave no connection behind; `path` is where the settings are."""
    need_root()
    processes = Processes()
    ssh = Ssh(processes, settings.source.ssh, settings.source.host_key)
    # A second run, also one that only reads, would cut the connection that the first one works on.
    with _interruptible(processes), alone(FOLDER):
        known = past(Path(settings.state))
        try:
            # The route that the journal knows: after the switch the source has another address.
            state = fold(known)
            ssh.to(state.route)
            with ExitStack() as ending:
                yield _wired(settings, processes, ssh, Limits(path, settings), ending, state)
        finally:
            ssh.close()
            # What follows the source between two runs has the password in a file of its own.
            Path(SERVICE_FILE).unlink(missing_ok=True)
            if _ended(Path(settings.state), len(known)):
                shutil.rmtree(FOLDER, ignore_errors=True)


def past(folder: Path) -> list[Event]:
    """The events so far; a journal that is there and can't be read is no empty one."""
    return read(folder)[0] if (folder / FILE).exists() else []


def _ended(folder: Path, known: int) -> bool:
    """Whether the move came to its end, or was taken back, after so many events."""
    with suppress(TranshumeError):
        return any(event.kind in ("finished", "rolled-back") for event in past(folder)[known:])
    return False


def _wired(
    settings: Settings,
    processes: Processes,
    ssh: Ssh,
    limits: Limits,
    ending: ExitStack,
    state: State,
) -> Session:
    layout = load(settings.profile)

    ini, kept = layout.databases.ini, f"{settings.state}/kept"

    def credentials(place: Place) -> list[Credentials]:
        return logins(Pair(both["source"], both["target"]), place, ini, kept)

    core = Core(layout.services.port, layout.services.token)
    peaks, postgres = Peaks(), Postgres(credentials, SOCKETS)
    ending.callback(postgres.close, "source", "target")
    both = machines(processes, ssh, postgres, core, peaks)
    ssh.forward(POSTGRES_SOCKET, _port(_settings_there(both["source"], ini, state)))
    ssh.forward(CORE_SOCKET, core.port)
    pair = Pair(both["source"], both["target"])
    undoing = partial(ways_back, state, Bodies(Path(settings.state) / BODIES))
    plan, returning = profile.plan(layout, settings), back.plan(layout, settings, undoing)
    way = profile.way_back(layout, settings)

    def performer(ask: Callable[[str], None], notice: Callable[[Progress], None]) -> Performer:
        return Performer(both, ssh, ask, notice, limits)

    return Session(settings, layout, processes, ssh, pair, plan, returning, way, performer, peaks)


def logins(pair: Pair, place: Place, ini: str, kept: str) -> list[Credentials]:
    """What a place's PostgreSQL may be logged in with, best first.

    The target's role has its own wizard's password until the move sets the source's. Between the
    two the file already holds the new one, and what was kept aside the one that is still valid.
    """
    texts = [pair.source.file(ini)]
    if place == "target":
        texts = [pair.target.file(ini), *texts, pair.target.file(f"{kept}{ini}")]
    found = [Credentials.from_ini(text) for text in texts]
    return [item for item in found if item is not None]


def _settings_there(source: Host, ini: str, state: State) -> bytes | None:
    """The source's file; None where a way back was killed after it took away the move's own key."""
    try:
        return source.file(ini)
    except Unreachable:
        left = {event.data["step"] for event in state.begun.values()} - state.carrying
        if not state.returning or left != {UseKey.key}:
            raise
        return None


def _port(ini: bytes | None) -> int:
    known = Credentials.from_ini(ini)
    return known.port if known else 5432


@contextmanager
def _interruptible(processes: Processes) -> Iterator[None]:
    """Ctrl-C, a closed terminal and a polite kill end the children first, then this run."""

    def stop(number: int, frame: FrameType | None) -> None:
        # Once: the second one would interrupt how the run ends, and leave threads behind that act
        # when nobody holds the move any more.
        if processes.stop():
            raise KeyboardInterrupt

    former = {
        number: signal.signal(number, stop)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def walk(
    run: Session,
    command: str,
    listener: Listener,
    ask: Callable[[str], None],
    *,
    claim: bool = True,
) -> Iterator[Engine]:
    """Hold the move, open its journal, and write how the walk ended, whatever ends it.

    Without `claim` the journal alone says which move it is.
    """
    with alone(run.folder), Journal(run.folder, listener.event) as journal:
        if claim:
            journal.claim(run.identity())
        _not_finished(journal, command)
        journal.write("walk-begun", command=command, version=__version__)

        def notice(progress: Progress) -> None:
            journal.progress(progress)
            listener.progress(progress)

        def ended(outcome: str, message: str, **more: str) -> None:
            told = {"outcome": outcome, "message": message, **more}
            journal.write("walk-ended", **told, memory=run.peaks.told())

        def broken(outcome: str, message: str, **more: str) -> None:
            # That a full disk doesn't take it is no news: why the walk ended is told all the same.
            with suppress(StepFailed):
                ended(outcome, message, **more)

        engine = Engine(run.plan, run.pair, run.hands(ask, notice), journal)
        try:
            with writable(KEPT):
                yield engine
        except KeyboardInterrupt:
            told = _told(Interrupted("stopped"), journal.state, command)
            broken("interrupted", told.what)
            raise told from None
        except TranshumeError as error:
            told = _told(error, journal.state, command)
            broken("failed", told.what, remedy=told.remedy)
            raise
        except Exception as error:
            # A mistake of ours ends the walk as well, or status would wait for it for ever.
            message = f"{type(error).__name__}: {error}"
            broken("failed", message, remedy="")
            raise
        ended("done", "")


def stopped(folder: Path) -> TranshumeError:
    """What Ctrl-C outside of a walk means: it changed nothing, but others may have before."""
    events = past(folder)
    state, again = fold(events), "type the same command again"
    if state.finished or not state.begun:
        return Interrupted("stopped", state="Nothing was changed.", remedy=again)
    walks = [event.data["command"] for event in events if event.kind == "walk-begun"]
    return _told(Interrupted("stopped", remedy="" if state.down else again), state, walks[-1])


def _told(error: TranshumeError, state: State, command: str) -> TranshumeError:
    """The error with what it means for both machines and what to type next, where it lacks them."""
    again = "transhume cutover --yes" if command == "cutover" else f"transhume {command}"
    if state.opened and state.down:
        standing = "Nothing is lost. People are shut out: the target is stopped or closed."
        if ArmBack.key in state.done and TurnBack.key not in state.done:
            standing += " Unless transhume goes on soon, the target serves them on by itself."
        stays = "" if state.returning else "; or the target serves again: transhume cutover --yes"
        ways = f"{again} goes on{stays}"
    elif state.opened:
        standing, ways = "The target holds what people wrote since it was opened.", again
    elif state.down:
        standing = "Nothing is lost. People are shut out: both machines are stopped or closed."
        if Arm.key in state.done and Confirm.key not in state.done:
            standing += (
                " Unless transhume goes on soon, the source is given its place back by itself."
            )
        ways = f"{again} goes on where it stopped; transhume rollback goes back to the source"
    else:
        standing = "Nothing is lost. The source serves; the target is closed."
        ways = f"{again} goes on where it stopped; to give up: transhume rollback"
    error.state = error.state or standing
    error.remedy = error.remedy or ways
    return error


def _not_finished(journal: Journal, command: str) -> None:
    if fold(journal.events()).finished:
        raise JournalRefused(
            f"this move is finished; {command} would begin another one",
            state="Nothing was touched.",
            remedy="for another move: transhume init SOURCE (the old journal is kept aside)",
        )
