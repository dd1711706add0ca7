"""What each command does, from the session to the last line it prints."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from transhume.core.change import SyncTree, WriteFile
from transhume.core.finding import Finding, Proof, accept, stopping
from transhume.core.settings import Settings, SourceSettings
from transhume.engine.journal import FILE, Journal, read
from transhume.engine.state import fold
from transhume.engine.walk import Engine, roll_back
from transhume.errors import (
    Blocked,
    Declined,
    Differs,
    JournalRefused,
    NoReturn,
    SettingsError,
    StepFailed,
)
from transhume.hosts.process import Processes
from transhume.hosts.ssh import host_key as offered_key
from transhume.profiles.bluemind import profile
from transhume.steps.proof import Subject
from transhume.steps.trees import compare, existing
from transhume.ui import beginning, terminal, view
from transhume.ui.session import Session, read_settings, session, walk
from transhume.ui.status import show_status

_FOLLOW_SECONDS = 1.0


@dataclass(frozen=True)
class Chosen:
    """How a walk is shown, and how a question is asked."""

    listener: Callable[[Console], Any]
    confirm: Callable[[str], bool]

    def pause(self, message: str) -> None:
        """Put a pause to the admin; Declined when it isn't confirmed."""
        sys.stderr.write(f"{message}\n")
        if not self.confirm("Is it done?"):
            raise Declined(
                f"this has to be done by you: {message}",
                remedy="do it, then run the same command again in a terminal",
            )


@dataclass(frozen=True)
class Beginning:
    """What was typed after init."""

    source: str
    settings: Path
    host_key: str | None
    maintenance: tuple[str, ...]
    state: str
    replace: bool


def settings_of(path: Path) -> Settings:
    """The settings file."""
    return read_settings(path)


def state_folder(path: Path) -> Path:
    """Where the journal is; a reading command works without settings, too."""
    try:
        return Path(read_settings(path).state)
    except SettingsError:
        return Path("/var/lib/transhume")


def settings_of_journal(path: Path) -> Settings:
    """What the journal says about the source: enough to go back, whatever the settings say now."""
    folder = state_folder(path)
    for event in read(folder)[0]:
        if event.kind == "opened":
            source = SourceSettings(ssh=event.data["source"], host_key=event.data["host_key"])
            return Settings(source=source, state=str(folder))
    raise JournalRefused("the journal is empty: no move was begun, there is nothing to take back")


def begin(
    typed: Beginning,
    console: Console,
    confirm: Callable[[str], bool],
    print_json: Callable[[Any], None] | None,
) -> None:
    """init: host key, facts, settings."""
    if typed.settings.exists() and not typed.replace:
        beginning.write(typed.settings, "", replace=False)
    with tempfile.TemporaryDirectory() as folder:
        key = offered_key(Processes(), typed.source, Path(folder))
    if print_json is None:
        kind = key.split("-")[1].split()[0].upper() if key.startswith("ssh-") else key.split()[0]
        console.print(
            f"host key {beginning.fingerprint(key)} ({kind}). Compare it on the source: "
            "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
        )
    beginning.confirm(key, typed.source, typed.host_key, confirm)
    beginning.set_aside(Path(typed.state))
    with session(beginning.preliminary(typed.source, key, typed.state)) as run:
        found = [beginning.facts(host) for host in (run.pair.source, run.pair.target)]
        beginning.require_bluemind(found[0])
        addresses = beginning.addresses(run.pair, run.ssh.hostname)
    maintenance = beginning.with_prefix(list(typed.maintenance), addresses.service)
    source = SourceSettings(ssh=typed.source, host_key=key)
    text = beginning.settings_text(source, addresses, maintenance, typed.state)
    beginning.write(typed.settings, text, replace=typed.replace)
    if print_json is not None:
        print_json({"machines": [asdict(item) for item in found], "settings": str(typed.settings)})
        return
    for item in found:
        boxes = "no databases yet" if item.mailboxes is None else f"{item.mailboxes} mailboxes"
        console.print(
            f"{item.place}  {item.name}   {item.system}   BlueMind {item.bluemind}   "
            f"PostgreSQL {item.postgresql}   {boxes}"
        )
    console.print(f"Wrote {typed.settings}. Next: transhume check")


def checked(run: Session) -> tuple[list[Finding], int]:
    """Every finding of every step, and how many checks were made."""
    found = [item for step in run.plan.steps for item in step.check(run.pair)]
    checks = sum(len(getattr(step, "checks", ())) for step in run.plan.steps)
    others = sum(1 for step in run.plan.steps if not hasattr(step, "checks"))
    return accept(found, run.settings.check.accept), checks + others


def record_findings(run: Session, found: Sequence[Finding]) -> None:
    """Keep the findings for the report, when a move is under way."""
    if not (run.folder / FILE).exists():
        return
    with Journal(run.folder) as journal:
        _write_findings(journal, found)


def _write_findings(journal: Journal, found: Sequence[Finding]) -> None:
    for finding in found:
        journal.write("finding", walk="check", **asdict(finding))


def refuse(found: Sequence[Finding]) -> None:
    """Blocked when a finding forbids the move."""
    stop = stopping(found)
    if stop:
        raise Blocked(
            f"{len(stop)} findings block the move: {stop[0]}",
            state="Nothing was changed.",
            remedy="follow the remedies above, then transhume check",
        )


def former(run: Session) -> Callable[[WriteFile], bytes | None]:
    """What a file holds now, for the diff in the plan."""
    return lambda act: run.pair.at(act.place).file(act.path)


def configuration_diff(run: Session) -> Iterator[str]:
    """How the target's configuration would change."""
    return profile.configuration(run.layout, run.settings).diff(run.pair)


def _require_checks(run: Session, engine: Engine) -> None:
    found, _ = checked(run)
    _write_findings(engine.journal, found)
    refuse(found)


def synchronise(run: Session, console: Console, chosen: Chosen) -> None:
    """sync: prepare, one hot pass, and what the rest would take."""
    with chosen.listener(console) as listener, walk(run, "sync", listener, chosen.pause) as engine:
        state = fold(engine.journal.events())
        if state.past_return or state.down:
            raise StepFailed(
                "the switch has begun: there is nothing to copy hot any more",
                remedy="go on: transhume cutover --yes; or back: transhume rollback",
            )
        if not state.begun:
            _require_checks(run, engine)
        engine.forward("prepare", "sync")
        for lack in _lacking(run):
            engine.journal.write("lacks", **lack)
    print_forecast(console, run)
    console.print("Next: transhume sync again at any time, then transhume cutover")


def _lacking(run: Session) -> Iterator[dict[str, Any]]:
    for tree in existing(run.pair, profile.all_trees(run.layout, run.settings)):
        began = time.monotonic()
        lack = compare(run.pair, SyncTree(tree.path))
        # The last pass walks the same tree: what this look took is what that will take at least.
        seconds = time.monotonic() - began
        yield {
            "part": tree.path,
            "lacking": lack.lacking,
            "total": lack.total,
            "unit": "bytes",
            "seconds": seconds,
        }


def print_forecast(console: Console, run: Session) -> None:
    """The downtime to expect, from what was measured so far."""
    try:
        events, _ = read(run.folder)
    except JournalRefused:
        events = []
    terminal.forecast(console, expected(events))


def expected(events: Sequence[Any]) -> list[terminal.Expected]:
    """The summands that were measured: the trees' last look, the databases' rehearsal."""
    trees = {event.data["part"]: event.data for event in events if event.kind == "lacks"}
    began = {event.id: event.data for event in events if event.kind == "change-begun"}
    parts = []
    if trees:
        seconds = sum(item["seconds"] for item in trees.values())
        basis = f"{sum(item['lacking'] for item in trees.values()):,} bytes lacked at the last look"
        parts.append(
            terminal.Expected("rest of the trees", seconds, seconds / 2, seconds * 2, basis)
        )
    rehearsed = {
        began[event.data["change"]]["title"]: event.data["seconds"]
        for event in events
        if event.kind == "change-done"
        and began[event.data["change"]]["step"] in ("rehearse-databases",)
    }
    if rehearsed:
        seconds = sum(rehearsed.values())
        parts.append(
            terminal.Expected(
                "databases", seconds, seconds * 0.8, seconds * 1.5, "the rehearsal, now with load"
            )
        )
    return parts


def switch(run: Session, console: Console, chosen: Chosen) -> None:
    """cutover --yes."""
    with (
        chosen.listener(console) as listener,
        walk(run, "cutover", listener, chosen.pause) as engine,
    ):
        state = fold(engine.journal.events())
        if not (state.past_return or state.down):
            _require_checks(run, engine)
        engine.forward("prepare", "sync", "cutover", "after")
    console.print("The target serves. Next: transhume verify, then transhume finish")


def prove(run: Session, console: Console, chosen: Chosen, full: bool, quiet: bool) -> list[Proof]:
    """verify: one proof after the other, shown as they are made."""
    opened = _opened(run.folder)
    databases = run.layout.databases.names
    subject = Subject(profile.all_trees(run.layout, run.settings), databases, full, opened)
    proofs: list[Proof] = []
    shown = Console(file=sys.stderr, markup=False) if quiet else console
    with chosen.listener(shown) as listener, walk(run, "verify", listener, chosen.pause) as engine:
        for proof in subject.proofs(run.pair):
            engine.journal.write("proved", step="verify", **asdict(proof))
            proofs.append(proof)
    for proof in proofs:
        for line in proof.differing[:100]:
            shown.print(f"  {proof.part}: {line}", markup=False, soft_wrap=True)
    return proofs


def _opened(folder: Path) -> float:
    events, _ = read(folder) if (folder / FILE).exists() else ([], [])
    state = fold(events)
    ups = [event.at for event in events if event.kind == "up"]
    return ups[-1] if state.past_return and ups else 0.0


def refuse_differences(proofs: Sequence[Proof]) -> None:
    """Differs when anything isn't wholly equal."""
    stop = stopping(proofs)
    if stop:
        raise Differs(
            f"{len(stop)} of {len(proofs)} parts aren't equal: {stop[0]}",
            state="Nothing was changed.",
            remedy="before the switch: transhume sync; after it: transhume rollback, or mend it",
        )


def go_back(run: Session, console: Console, chosen: Chosen, lose_new_mail: bool) -> None:
    """rollback."""
    with (
        chosen.listener(console) as listener,
        walk(run, "rollback", listener, chosen.pause, claim=False) as engine,
    ):
        if not fold(engine.journal.events()).begun:
            console.print("Nothing is to be taken back.")
            return
        roll_back(engine.journal, engine.performer, lose_new_mail=lose_new_mail)
    console.print("The source serves as before. What was copied is kept for another attempt.")


def end(run: Session, console: Console, chosen: Chosen) -> None:
    """finish."""
    with (
        chosen.listener(console) as listener,
        walk(run, "finish", listener, chosen.pause) as engine,
    ):
        state = fold(engine.journal.events())
        if not state.past_return or state.down:
            raise NoReturn(
                "the target doesn't serve yet, so there is nothing to finish",
                state="Nothing was touched.",
                remedy="transhume cutover --yes, or transhume rollback",
            )
        engine.forward("finish")
        engine.journal.write("finished")
    console.print("The move is over; the source stays fenced. transhume report writes it down.")


def follow(folder: Path, console: Console) -> None:
    """status --follow: the same page again until the walk ends."""
    while True:
        events, progress = read(folder)
        seen = view.fold(events, progress)
        console.clear()
        show_status(console, seen)
        if seen.walk is None or seen.walk.outcome:
            return
        time.sleep(_FOLLOW_SECONDS)
