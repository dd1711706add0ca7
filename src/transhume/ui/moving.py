"""What each command does, from the session to the last line it prints."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from transhume.core.command import KEY
from transhume.core.event import Event
from transhume.core.finding import stopping
from transhume.core.settings import Settings, SourceSettings
from transhume.core.understood import understood
from transhume.engine import back
from transhume.engine.back import carries
from transhume.engine.journal import read
from transhume.engine.state import fold
from transhume.engine.walk import Engine
from transhume.errors import (
    Declined,
    JournalRefused,
    NoReturn,
    SettingsError,
    StepFailed,
)
from transhume.hosts.process import Processes
from transhume.hosts.ssh import host_key as offered_key
from transhume.steps.guard.arm import refuse_returned
from transhume.steps.guard.back import serves_on
from transhume.steps.services import Start, start_seconds
from transhume.ui import beginning, checking, returning
from transhume.ui.converge import Told, above, converge
from transhume.ui.feed import Feed
from transhume.ui.forecast import Outlook, show
from transhume.ui.layout import put, text
from transhume.ui.session import Session, need_root, past, read_settings, session, walk
from transhume.ui.words import visible

_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Chosen:
    """How a walk is shown, and how a question is asked."""

    listener: Callable[[Console, Sequence[Event]], Feed]
    confirm: Callable[[str], bool]

    def pause_in(self, listener: Feed) -> Callable[[str], None]:
        """How a pause is put to the admin while the listener draws."""

        def pause(message: str) -> None:
            with listener.aside():
                sys.stderr.write(f"{message}\n")
                done = self.confirm("Is it done?")
            if not done:
                raise Declined(
                    f"this has to be done by you: {message}",
                    remedy="do it, then run the same command again in a terminal",
                )

        return pause


@contextmanager
def walking(
    run: Session, command: str, console: Console, chosen: Chosen, *, claim: bool = True
) -> Iterator[Engine]:
    """A walk that is shown while it runs."""
    with (
        chosen.listener(console, past(run.folder)) as listener,
        walk(run, command, listener, chosen.pause_in(listener), claim=claim) as engine,
    ):
        yield engine


@dataclass(frozen=True)
class Beginning:
    """What was typed after init."""

    source: str
    settings: Path
    host_key: str | None
    maintenance: tuple[str, ...]
    state: str
    replace: bool


def state_folder(path: Path) -> Path:
    """Where the journal is; a reading command works without settings, too."""
    try:
        folder = Path(read_settings(path).state)
    except SettingsError:
        folder = Path("/var/lib/transhume")
    # What somebody else can't read isn't missing.
    if any(item.exists() and not os.access(item, os.R_OK) for item in (path, folder)):
        need_root()
    return folder


def settings_of_journal(path: Path) -> Settings:
    """What the journal says about the source: enough to go back, whatever the settings say now."""
    folder = state_folder(path)
    for event in read(folder)[0]:
        if event.kind == "opened":
            return beginning.preliminary(event.data["source"], event.data["host_key"], str(folder))
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
    # A mistyped word is told before anything is reached.
    beginning.preliminary(typed.source, "ssh-ed25519 unknown", typed.state)
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
    known = beginning.preliminary(typed.source, key, typed.state)
    with session(known) as run, understood("what the machines say of themselves"):
        found = [beginning.facts(host) for host in (run.pair.source, run.pair.target)]
        beginning.require_bluemind(found[0])
        addresses = beginning.addresses(run.pair, run.ssh.hostname)
    maintenance = beginning.with_prefix(list(typed.maintenance), addresses.service)
    source = SourceSettings(ssh=typed.source, host_key=key)
    content = beginning.settings_text(source, addresses, maintenance, typed.state)
    beginning.write(typed.settings, content, replace=typed.replace)
    if print_json is not None:
        print_json({"machines": [asdict(item) for item in found], "settings": str(typed.settings)})
        return
    for item in found:
        boxes = "no databases yet" if item.mailboxes is None else f"{item.mailboxes} mailboxes"
        told = (
            f"{item.place}  {item.name}",
            f"{item.system}",
            f"BlueMind {item.bluemind}",
            f"PostgreSQL {item.postgresql}",
            boxes,
        )
        put(console, Text("   ".join(map(visible, told))))
    console.print(f"Wrote {typed.settings}. Next: transhume check")


def _require_checks(run: Session, engine: Engine) -> None:
    seen = checking.checked(run)
    checking.record(engine.journal, seen)
    checking.remember(run, seen)
    checking.refuse(seen.findings)


def synchronise(
    run: Session, console: Console, chosen: Chosen, goal: float | None, each: Told | None
) -> None:
    """sync: prepare, one hot pass, and what the rest would take.

    With a `goal` in seconds it is pass after pass until that is enough, or none is of use any more;
    `each` gets what a pass led to.
    """
    with (
        chosen.listener(console, past(run.folder)) as listener,
        walk(run, "sync", listener, chosen.pause_in(listener)) as engine,
    ):

        def told(seen: Outlook) -> None:
            if goal is not None:
                listener.note(f"{seen.line()}   Ctrl-C is safe: run it again to go on")
            if each is not None:
                each(seen)

        _before_the_switch(run, engine)
        seen = converge(engine, told, goal)
    if each is None:
        show(console, seen)
        why = above(seen, goal) if seen is not None and goal is not None else ""
        if why:
            put(console, text(f"It ended above the goal: {why}."))
        console.print("Next: transhume sync again at any time, then transhume cutover")


def _before_the_switch(run: Session, engine: Engine) -> None:
    state = engine.journal.state
    refuse_returned(run.pair.source)
    if state.opened or state.down:
        raise StepFailed(
            "the switch has begun: there is nothing to copy hot any more",
            remedy="go on: transhume cutover --yes; or back: transhume rollback",
        )
    if not state.begun:
        _require_checks(run, engine)
    _record_machines(run, engine)


def _record_machines(run: Session, engine: Engine) -> None:
    engine.journal.write(
        "machines",
        source=asdict(beginning.facts(run.pair.source)),
        target=asdict(beginning.facts(run.pair.target)),
        seconds=start_seconds(run.pair.source, run.layout.services.core),
    )


def switch(run: Session, console: Console, chosen: Chosen) -> None:
    """cutover --yes: catch up as far as that is of use, then switch."""
    with (
        chosen.listener(console, past(run.folder)) as listener,
        walk(run, "cutover", listener, chosen.pause_in(listener)) as engine,
    ):
        state = engine.journal.state
        refuse_returned(run.pair.source)
        back.stay(engine.journal, engine.performer)
        if not (state.opened or state.down):
            _require_checks(run, engine)
            _record_machines(run, engine)
            _converge(run, engine, listener)
            _tell_of_no_way_back(run, listener, console)
        engine.forward("prepare", "cutover", "after")
        _require_serving(run)
        returns = not engine.journal.state.final
        lost = returning.look(run, engine) if returns else ""
    console.print("The target serves. Next: transhume verify, then transhume finish")
    if lost:
        console.print(f"Going back would lose what people do here: {visible(lost)}")
    elif returns:
        console.print(
            "What happens here is noted: transhume rollback takes you back with all new mail, "
            "until transhume finish."
        )


def _converge(run: Session, engine: Engine, listener: Feed) -> None:
    """Hot passes as long as they are of use; StepFailed where they don't lead near enough."""
    most = run.settings.cutover.rest
    seen = converge(engine, lambda seen: listener.note(seen.line()), most)
    listener.note("")
    why = above(seen, most) if seen is not None else ""
    if why:
        raise StepFailed(
            why,
            state="Nothing was stopped: the source serves.",
            remedy="transhume sync --follow at a quieter hour; "
            "or allow more: [cutover] rest in the settings",
        )


def _require_serving(run: Session) -> None:
    """It may have been restarted since it was opened: nothing says that it came up again."""
    for step in (each for each in run.plan.steps if isinstance(each, Start)):
        limit = time.monotonic() + step.services.limit
        while step.coming(run.pair) and time.monotonic() < limit:
            time.sleep(_PAUSE_SECONDS)
        seen = stopping(step.verify(run.pair))
        if seen:
            raise StepFailed(
                f"the target was opened, and doesn't serve: {'; '.join(seen)}",
                state="Nothing is lost.",
                remedy="on the target: bmctl status; bmctl start; then: transhume cutover --yes",
            )


def _tell_of_no_way_back(run: Session, listener: Feed, console: Console) -> None:
    hindrance = run.way.hindrance(run.pair)
    if hindrance:
        with listener.aside():
            console.print(f"Going back after the opening will lose what came since: {hindrance}")


def settings_to_go_back(path: Path, lose_new_mail: bool) -> Settings:
    """What a rollback needs to know: the journal has it, but for what is to be carried back."""
    state = fold(read(state_folder(path))[0])
    carried = carries(state, lose_new_mail=lose_new_mail)
    return read_settings(path) if carried else settings_of_journal(path)


def go_back(run: Session, console: Console, chosen: Chosen, lose_new_mail: bool) -> None:
    """rollback."""
    with walking(run, "rollback", console, chosen, claim=False) as engine:
        state = engine.journal.state
        if not state.begun:
            console.print("Nothing is to be taken back.")
            return
        if carries(state, lose_new_mail=lose_new_mail):
            engine.journal.claim(run.identity())
        public = run.pair.target.file(f"{KEY}.pub")
        carried = back.go_back(
            replace(engine, plan=run.back),
            lose_new_mail=lose_new_mail,
            serves_on=serves_on(run.pair.target),
        )
    kept = "with all that people did on the target" if carried else "as before"
    console.print(f"The source serves {kept}. What was copied is kept for another attempt.")
    if public is not None and run.pair.target.file(f"{KEY}.pub") is None:
        console.print("The move's own key is gone from both. For another one: transhume key SOURCE")


def end(run: Session, console: Console, chosen: Chosen, unproved: bool) -> None:
    """finish."""
    with walking(run, "finish", console, chosen) as engine:
        state = fold(engine.journal.events())
        if not state.opened or state.down or state.carrying:
            raise NoReturn(
                "the target doesn't serve yet, so there is nothing to finish",
                state="Nothing was touched.",
                remedy="transhume cutover --yes, or transhume rollback",
            )
        if not (state.verified or unproved):
            raise NoReturn(
                "no comparison since the opening has found all of it equal, and afterwards "
                "there is no way back",
                state="Nothing was touched.",
                remedy="transhume verify; or, if you accept what it names: "
                "transhume finish --unproved",
            )
        engine.forward("finish")
        engine.journal.write("finished")
    console.print("The move is over; the source stays fenced. transhume report writes it down.")


def facts_told(events: Sequence[Event]) -> dict[str, str]:
    """What both machines were when the copying began, for the report."""
    told = [event.data for event in events if event.kind == "machines"]
    if not told:
        return {}
    source, target = told[-1]["source"], told[-1]["target"]
    return {
        "System": f"{source['system']} → {target['system']}",
        "BlueMind": source["bluemind"],
        "PostgreSQL": f"{source['postgresql']} → {target['postgresql']}",
        "Mailboxes": str(source["mailboxes"]),
    }
