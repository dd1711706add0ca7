"""The whole command line over two servers in memory, which obey the commands of a move."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from tests.contract import machines
from tests.fakes import FakeHost, Spoken
from transhume.agent import guard
from transhume.core.change import Command
from transhume.core.event import Progress
from transhume.core.host import May, Output, Pair, Talk
from transhume.core.settings import Settings
from transhume.engine.back import ways_back
from transhume.engine.codec import Bodies
from transhume.engine.journal import BODIES
from transhume.engine.perform import Performer
from transhume.engine.state import fold
from transhume.hosts.memory import Peaks
from transhume.hosts.process import Processes
from transhume.hosts.ssh import Ssh
from transhume.profiles.bluemind import back, profile
from transhume.profiles.bluemind.layout import load
from transhume.steps.guard.post import FOLDER as GUARD
from transhume.ui import cli, looking, moving, terminal
from transhume.ui.session import Session, past

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
DONE = Output(0, b"", b"")


def text(state: Path, address: str = 'how = "script"\nscript = "/root/move-address"\n') -> str:
    """A settings file."""
    source = f'[source]\nssh = "root@old.example.org"\nhost_key = "{KEY}"\n'
    # Rows that don't change in memory can't show how a database follows.
    dumped = '[databases]\nstrategy = "dump"\n'
    return f'state = "{state}"\n{source}{dumped}[address]\n{address}'


@dataclass
class Obeys:
    """What alters one machine in memory, as far as a step looks at it afterwards."""

    host: FakeHost
    fails: list[str] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)

    def run(self, command: Command, heard: Callable[[str], None], may: May | None = None) -> Output:
        """Do it."""
        line = str(command)
        self.typed.append(line)
        if any(word in line for word in self.fails):
            return Output(1, b"", b"it doesn't work\n")
        words = [word for word in command.argv[1:] if not word.startswith("-")]
        if command.argv[0] == "systemctl" and words:
            self._systemctl(words[0], words[1:], "--now" in command.argv)
        elif command.argv[0] == "bmctl":
            self._bmctl(words[0])
        elif command.argv[0] == "rm":
            for path in tuple(self.host.files):
                if path == words[-1] or path.startswith(f"{words[-1]}/"):
                    del self.host.files[path]
            self.host.units.pop(words[-1].rpartition("/")[2], None)
        elif command.argv[:4][3:] == ("write-file",):
            self.host.files[command.argv[4]] = command.input
        elif words[:1] == [f"{GUARD}/guard.py"]:
            return self._guard(words[1])
        return DONE

    def talk(self, command: Command) -> Talk:
        """Neither machine has files of its own to list."""
        self.typed.append(str(command))
        return Spoken()

    def _systemctl(self, verb: str, units: list[str], now: bool) -> None:
        for unit in units:
            if verb in ("stop", "disable") and unit not in self.host.units:
                continue
            active, enabled = self.host.units.get(unit, ("inactive", "disabled"))
            active = {"start": "active", "stop": "inactive"}.get(verb, active)
            enabled = {"mask": "masked", "unmask": "enabled"}.get(verb, enabled)
            if now:
                active = "active" if verb == "enable" else "inactive"
            self.host.units[unit] = (active, enabled)

    def _guard(self, word: str) -> Output:
        path = f"{GUARD}/state"
        led = guard.LEADS[word].get(self.host.files.get(path, b"").decode().strip())
        if led is None:
            return Output(guard.GONE, b"", b"it has gone back\n")
        self.host.files[path] = led.encode()
        return DONE

    def _bmctl(self, verb: str) -> None:
        known = [name for name in self.host.units if name.startswith(("bm-", "bluemind"))]
        self._systemctl(verb, known, now=False)
        state = "core.state.running" if verb == "start" else "core.state.stopped"
        self.host.served["/api/system/installation/state"] = state


class Way:
    """The way to the source, which leads nowhere."""

    hostname = "old.example.org"

    def to(self, address: str) -> None:
        """Go another way."""


@dataclass
class Stage:
    """Both machines, and the command line that moves between them."""

    folder: Path
    source: Obeys
    target: Obeys
    capture: pytest.CaptureFixture[str]
    answers: list[bool] = field(default_factory=list)
    sessions: int = 0

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.folder / "move.toml"

    def type(self, *words: str) -> int:
        """Type a command; what it prints is in `said`."""
        sys.argv = ["transhume", *words]
        if words and words[0] not in ("init", "--help", "--version") and "--help" not in words:
            sys.argv += ["--settings", str(self.settings)]
        code = cli._guarded()
        self.out, self.err = self.capture.readouterr()
        return code

    @contextmanager
    def session(self, settings: Settings, path: Path | None = None) -> Iterator[Session]:
        """What reaches the machines otherwise."""
        self.sessions += 1
        pair = Pair(self.source.host, self.target.host)
        layout, folder = load("bluemind-5"), Path(settings.state)
        undoing = partial(ways_back, fold(past(folder)), Bodies(folder / BODIES))

        def performer(ask: Callable[[str], None], notice: Callable[[Progress], None]) -> Performer:
            return Performer({"source": self.source, "target": self.target}, Way(), ask, notice)

        yield Session(
            settings,
            layout,
            Processes(),
            cast(Ssh, Way()),
            pair,
            profile.plan(layout, settings),
            back.plan(layout, settings, undoing),
            profile.way_back(layout, settings),
            performer,
            Peaks(),
        )

    def confirm(self, question: str) -> bool:
        """Answer as laid out; no otherwise."""
        return self.answers.pop(0) if self.answers else False


def build(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
) -> Stage:
    """The stage with everything in its place."""
    pair = machines.servers()
    source, target = cast(FakeHost, pair.source), cast(FakeHost, pair.target)
    for host in (source, target):
        host.held.setdefault("from pg_settings", [])
        host.held["show server_version"] = [("15.14 (Debian)",)]
        host.held["select count(*) from t_mailbox"] = [(1,)]
        host.said["systemctl show"] = (
            "InactiveExitTimestampMonotonic=1\nActiveEnterTimestampMonotonic=9\n"
        )
        host.said |= {f"find {name}": "root\n" for name in (*source.folders, "/var/spool")}
    for name in source.folders:
        target.said[f"find {name}"] = ""
    source.units["postgresql.service"] = ("active", "enabled")
    target.files["/root/move-address"] = b"#!/bin/sh\n"
    stage = Stage(folder, Obeys(source), Obeys(target), capture)
    stage.settings.write_text(text(folder / "state"))
    for module in (cli, moving):
        monkeypatch.setattr(module, "session", stage.session)
    for module in (cli, moving, looking):
        monkeypatch.setattr(module, "need_root", lambda: None, raising=False)
    monkeypatch.setattr(terminal, "confirm", stage.confirm)
    monkeypatch.setattr(cli, "BUG", folder / "bug.txt")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["transhume"])
    return stage
