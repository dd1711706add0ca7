"""A whole move as its journal would hold it: prepared, copied, failed once, switched, proved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transhume.core.change import (
    Act,
    Await,
    Change,
    DumpDatabase,
    Keep,
    Never,
    RemoveFile,
    RestoreDatabase,
    Run,
    Series,
    SyncTree,
    Together,
    WriteFile,
    psql,
)
from transhume.core.event import Event, Kind, Progress
from transhume.core.finding import Finding
from transhume.core.plan import Foreseen
from transhume.core.step import Phase, Step
from transhume.engine.codec import Bodies, encode_change

BEGAN = 1_795_420_800.0
"""Monday, 23 November 2026, 08:00 UTC."""
KEEP = Keep("the copy on the target does no harm, and the next pass needs less")
TREES = {
    "/var/spool/cyrus": 1_412_300_000_000,
    "/var/spool/bm-hsm": 402_700_000_000,
    "/var/spool/bm-elasticsearch": 88_100_000_000,
    "/var/spool/bm-docs": 2_340_000_000,
    "/var/spool/bm-filehosting": 17_900_000_000,
}
DATABASES = {"bj": 104, "bj-data": 212}
HOSTILE = "[red]<script>alert(1)</script>\x1b[2J\udce9\u202egnp.exe\n[/] & \"'"

CLOSE = Change(
    "close the door",
    Series(
        (
            Run("target", ("systemctl", "enable", "--no-reload", "transhume-closed.service")),
            Run("target", ("systemctl", "daemon-reload")),
            Run("target", ("systemctl", "start", "transhume-closed.service")),
        )
    ),
    Run("target", ("systemctl", "disable", "--now", "transhume-closed.service")),
)
RULES = Change(
    "write /etc/transhume/closed.nft",
    WriteFile("target", "/etc/transhume/closed.nft", b"table inet transhume {\n}\n", "0600"),
    RemoveFile("target", "/etc/transhume/closed.nft"),
)
STOP_MAIL = Change(
    "stop mail",
    Run("source", ("systemctl", "stop", "postfix.service")),
    Run("source", ("systemctl", "start", "postfix.service")),
)
STOP = Change(
    "stop BlueMind",
    Run("source", ("bmctl", "stop")),
    Series(
        (Run("source", ("bmctl", "start")), Await("source", ("curl", "-fsS", "localhost"), 300))
    ),
)
START = Change(
    "start BlueMind", Run("target", ("bmctl", "start")), Run("target", ("bmctl", "stop"))
)
ADDRESS = Change(
    "move the address",
    Run("target", ("ip", "address", "replace", "192.0.2.10/24", "dev", "eth0")),
    Run("target", ("ip", "address", "delete", "192.0.2.10/24", "dev", "eth0")),
)
OPEN = Change(
    "open the door",
    Run("target", ("systemctl", "disable", "--now", "transhume-closed.service")),
    Never("queued mail leaves and people write on the target from here on"),
)


def copies(*, finish: bool = False) -> Act:
    """All trees; the frozen pass doesn't count beforehand."""
    return Together(
        tuple(
            SyncTree(path, finish=finish, expected=0 if finish else total)
            for path, total in TREES.items()
        )
    )


def dumps() -> Act:
    """Both databases."""
    folder = "/var/lib/transhume/dumps"
    return Together(
        tuple(
            DumpDatabase(name, f"{folder}/{name}", 2, "zstd:1", tables)
            for name, tables in DATABASES.items()
        )
    )


def restores() -> Act:
    """Both databases, created first."""
    folder = "/var/lib/transhume/dumps"
    return Series(
        (
            psql("postgres", "create database bj owner bj;"),
            Together(tuple(RestoreDatabase(name, folder, 2, 15_706) for name in DATABASES)),
        )
    )


@dataclass
class Writer:
    """Makes events as the engine does, through real JSON, with a clock of its own."""

    bodies: Bodies
    now: float = BEGAN
    events: list[Event] = field(default_factory=list)

    def write(self, kind: Kind, **data: Any) -> Event:
        """One event, a hundredth of a second after the last."""
        self.now += 0.01
        event = Event(len(self.events) + 1, self.now, kind, json.loads(json.dumps(data)))
        self.events.append(event)
        return event

    def step(
        self,
        phase: Phase,
        key: str,
        title: str,
        *changes: tuple[Change, float],
        rows: tuple[int, ...] = (),
        service: str = "",
    ) -> None:
        """A step that comes to its end."""
        began = self.now
        self.write("step-begun", step=key, title=title, phase=phase, rows=list(rows))
        if service == "down":
            self.write("down")
        for change, seconds in changes:
            self.change(key, change, seconds)
        if service == "up":
            self.write("up")
        self.write("step-done", step=key, seconds=self.now - began)

    def change(self, key: str, change: Change, seconds: float) -> Event:
        """A change that comes to its end after so many seconds."""
        begun = self.write("change-begun", step=key, **encode_change(change, self.bodies))
        self.now += seconds
        self.write("change-done", change=begun.id, seconds=seconds)
        return begun

    def walk(self, command: str) -> None:
        """The beginning of a command."""
        self.write("walk-begun", command=command, version="0.1.0")

    def ended(self, outcome: str = "done", message: str = "") -> None:
        """The end of a command."""
        self.write("walk-ended", outcome=outcome, message=message, memory=MEMORY)


def prepared(writer: Writer) -> None:
    """Opened, prepared, one whole pass."""
    writer.write(
        "opened",
        profile="bluemind-5",
        source="root@mail.example.org",
        host_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample",
        target="4c4c4544003510388052b4c04f4d3132",
        addresses=["192.0.2.10/24"],
    )
    writer.walk("sync")
    writer.step("prepare", "requirements", "check both machines", rows=(1, 2, 3, 4, 5, 6))
    writer.step("prepare", "close", "close the target to clients", (RULES, 0.1), (CLOSE, 0.4))
    writer.step("prepare", "target-postgresql", "start PostgreSQL on the target", rows=(16,))
    copy = Change("copy 5 trees", copies(), KEEP)
    writer.step("sync", "sync-trees", "copy the trees", (copy, 15_153.0), rows=(8, 9))
    for path, total in TREES.items():
        lacking = 12_400_000 if path.endswith("cyrus") else 0
        writer.write("lacks", part=path, lacking=lacking, total=total, unit="bytes", seconds=0.4)
    writer.write("forecast", **FORECAST)
    rehearsal = (Change("dump bj and bj-data", dumps(), KEEP), 61.0)
    restore = (Change("restore bj and bj-data", restores(), KEEP), 148.0)
    writer.step("sync", "rehearse-databases", "rehearse the databases", rehearsal, restore)
    writer.ended()
    writer.now += 86_400


def failed(writer: Writer) -> None:
    """A cutover that stops in the last pass, and the way back."""
    writer.walk("cutover")
    found = [vars(finding) for finding in FINDINGS]
    writer.write("checked", findings=found, seconds=12.5, memory={"transhume": 71_000_000})
    writer.step(
        "cutover",
        "freeze",
        "stop the services on both",
        (STOP_MAIL, 0.3),
        (STOP, 8.6),
        rows=(10, 17),
        service="down",
    )
    writer.write(
        "step-begun",
        step="finish-trees",
        title="copy the rest of the trees",
        phase="cutover",
        rows=[11],
    )
    finish = Change("finish 5 trees", copies(finish=True), KEEP)
    begun = writer.write(
        "change-begun", step="finish-trees", **encode_change(finish, writer.bodies)
    )
    writer.now += 90
    message = (
        "the source stopped answering while /var/spool/cyrus was copied "
        "(ssh: Connection timed out, 3 tries in 90 s)"
    )
    writer.write("change-failed", change=begun.id, error=message)
    writer.ended("failed", message)


def rolled_back(writer: Writer) -> None:
    """Everything taken back, the last change first."""
    writer.now += 60
    writer.walk("rollback")
    for event in reversed([event for event in writer.events if event.kind == "change-begun"]):
        writer.write("undo-begun", change=event.id, title=event.data["title"])
        writer.now += 0.2
        back = event.data["back"]
        writer.write("undone", change=event.id, kept=back.get("reason", ""))
    writer.write("up")
    writer.write("rolled-back", seconds=11.2)
    writer.ended()


def switched(writer: Writer) -> None:
    """A cutover that comes to its end."""
    writer.now += 7_200
    writer.walk("cutover")
    writer.step("prepare", "close", "close the target to clients", (CLOSE, 0.4))
    stop = ((STOP_MAIL, 0.3), (STOP, 8.6))
    writer.step("cutover", "freeze", "stop the services on both", *stop, service="down")
    finish = (Change("finish 5 trees", copies(finish=True), KEEP), 1.9)
    writer.step("cutover", "finish-trees", "copy the rest of the trees", finish, rows=(11,))
    for path in TREES:
        writer.write("proved", part=path, compared=812_304, equal=812_304, unit="entries")
    dump = (Change("dump bj and bj-data", dumps(), KEEP), 21.4)
    writer.step("cutover", "dump-databases", "dump the databases", dump, rows=(13,))
    restore = (Change("restore bj and bj-data", restores(), KEEP), 33.0)
    writer.step("cutover", "restore-databases", "restore the databases", restore, rows=(16,))
    for name in DATABASES:
        writer.write("proved", part=f"{name}: schema", compared=9_104, equal=9_104, unit="objects")
        writer.write("proved", part=name, compared=922, equal=922, unit="tables")
    writer.step("cutover", "address", "move the address", (ADDRESS, 0.2), rows=(17,))
    writer.step("cutover", "start", "start the target's services", (START, 24.1))
    writer.step("after", "open", "start mail and open the target", (OPEN, 0.3), service="up")
    writer.ended()


_PARTS = (
    ("freeze", "stop the services on both", "stop", 9.0, "as the target's own stopped"),
    ("finish-trees", "copy the rest of the trees", "files", 2.0, "what 5 trees lacked"),
    ("dump-databases", "dump the databases", "databases", 61.0, "as in the rehearsal"),
    ("start", "start the target's services", "start", 26.0, "as the source's last start"),
)
FORECAST: dict[str, Any] = {
    "seconds": 98.0,
    "low": 70.0,
    "high": 180.0,
    "caught_up": 97.6,
    "parts": [
        {
            "step": step,
            "title": title,
            "account": account,
            "seconds": seconds,
            "low": seconds * 0.7,
            "high": seconds * 2,
            "basis": basis,
        }
        for step, title, account, seconds, basis in _PARTS
    ],
}

MEMORY = {"transhume": 84_000_000, "source": 46_000_000, "target": 45_000_000}
FINDINGS = (
    Finding("queue", "notes", "source", "41 messages are queued; they move along"),
    Finding(
        "timezone-unknown",
        "blocks",
        "target",
        "3 names used by 214 events aren't known here: US/Pacific, US/Eastern, Asia/Calcutta",
        "Restoring the table would lose every event.",
        "apt install tzdata-legacy",
    ),
    Finding(
        "rsync-old",
        "warns",
        "source",
        "3.2.3: open security holes when root reads folders of others",
        "",
        'upgrade to 3.5 or newer, or accept: [check] accept = ["rsync-old"]',
    ),
)


def journal(folder: Path) -> list[Event]:
    """The whole move."""
    writer = Writer(Bodies(folder))
    prepared(writer)
    failed(writer)
    rolled_back(writer)
    switched(writer)
    return writer.events


def halfway(folder: Path) -> tuple[list[Event], list[tuple[Progress, float]]]:
    """A move whose first pass is going on."""
    events = journal(folder)
    copying = next(event for event in events if event.data.get("title") == "copy 5 trees")
    at = copying.at + 3_600
    progress = [
        (Progress("/var/spool/cyrus", 402_700_000_000, TREES["/var/spool/cyrus"], "bytes"), at),
        (Progress("/var/spool/bm-docs", 2_340_000_000, TREES["/var/spool/bm-docs"], "bytes"), at),
    ]
    return events[: copying.id], progress


def shaped(key: str, title: str, phase: Phase, rows: tuple[int, ...], *changes: Change) -> Foreseen:
    """A step of that shape with the changes that it would make."""
    names = {"key": key, "title": title, "why": "because", "phase": phase, "rows": rows}
    return Foreseen(type("Shaped", (Step,), names)(), changes)


def foreseen() -> Iterator[Foreseen]:
    """A plan in small."""
    yield shaped("requirements", "check both machines", "prepare", (1, 2, 3, 4, 5, 6))
    yield shaped("close", "close the target to clients", "prepare", (), RULES, CLOSE)
    yield shaped("sync", "copy the trees", "sync", (8, 9), Change("copy 5 trees", copies(), KEEP))
    dump = Change("dump bj and bj-data", dumps(), KEEP)
    yield shaped("dump", "dump the databases", "cutover", (13,), dump)
    yield shaped("freeze", "stop the services on both", "cutover", (10, 17), STOP_MAIL, STOP)
    restore = Change("restore bj and bj-data", restores(), KEEP)
    yield shaped("restore", "restore the databases", "cutover", (12, 13, 16), restore)
    yield shaped("address", "move the address", "cutover", (17,), ADDRESS)
    yield shaped("start", "start the target's services", "cutover", (), START)
    yield shaped("open", "start mail and open the target", "after", (), OPEN)


def poisoned(events: list[Event]) -> list[Event]:
    """The same events with hostile text wherever a stranger's text may stand."""
    return [Event(event.id, event.at, event.kind, _poison(event.data)) for event in events]


_OWN = ("kind", "phase", "severity", "outcome", "step", "place", "command")


def _poison(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _poison(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_poison(inner, key) for inner in value]
    if isinstance(value, str) and key not in _OWN and value:
        return f"{HOSTILE}{value}"
    return value
