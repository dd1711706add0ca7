"""The command line; the one place that turns an error into an exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from transhume import __version__
from transhume.core.plan import foresee
from transhume.core.writable import KEPT, writable
from transhume.engine.journal import held, read
from transhume.errors import USAGE, Interrupted, TranshumeError
from transhume.hosts.process import Processes
from transhume.hosts.ssh import reached
from transhume.ui import beginning, checking, findings, looking, moving, report, terminal, verifying
from transhume.ui.follow import follow as follow_run
from transhume.ui.forecast import Outlook, outlook, show
from transhume.ui.key import line as key_line
from transhume.ui.layout import put, text
from transhume.ui.live import make_listener
from transhume.ui.machine import to_json
from transhume.ui.moving import Chosen
from transhume.ui.planned import described
from transhume.ui.session import (
    SETTINGS,
    Session,
    need_root,
    past,
    read_settings,
    session,
    stopped,
)
from transhume.ui.status import show_status
from transhume.ui.view import abandoned, fold

app = typer.Typer(
    help=(
        "Move a live BlueMind server to this machine, prove the copy, and go back if need be. "
        "Run as root on the target: init, check, plan, sync, cutover, verify, finish."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

# Whether it can be read is told later, after whether it is root who asks.
SettingsPath = Annotated[
    Path, typer.Option("--settings", readable=False, help="The settings file.")
]
BUG = Path("/var/lib/transhume/bug.txt")
"""Where a mistake of ours is written down whole."""
Json = Annotated[bool, typer.Option("--json", help="Print facts as JSON for programs.")]


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=False) + "\n")


@contextmanager
def _session(settings: Path) -> Iterator[Session]:
    need_root()
    with _told_if_stopped(settings), session(read_settings(settings), settings) as run:
        yield run


@contextmanager
def _told_if_stopped(settings: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise stopped(moving.state_folder(settings)) from None


@app.command()
def init(
    source: Annotated[str, typer.Argument(help="The server to move, as typed after ssh.")],
    settings: SettingsPath = SETTINGS,
    host_key: Annotated[
        str | None,
        typer.Option("--host-key", help="The fingerprint that you expect (SHA256:…): no question."),
    ] = None,
    maintenance: Annotated[
        list[str] | None,
        typer.Option(help="A free address for the source once it gave up its own; repeatable."),
    ] = None,
    state: Annotated[
        str, typer.Option(help="Folder for the journal and for what is replaced.")
    ] = "/var/lib/transhume",
    replace: Annotated[bool, typer.Option("--replace", help="Replace the settings file.")] = False,
    as_json: Json = False,
) -> None:
    """Look at both machines and write the settings file.

    Nothing is changed on either machine. The source's host key is shown and must be confirmed.
    """
    need_root()
    console = terminal.make_console()
    moving.begin(
        moving.Beginning(source, settings, host_key, tuple(maintenance or ()), state, replace),
        console,
        terminal.confirm,
        _print_json if as_json else None,
    )


@app.command()
def key(
    source: Annotated[str, typer.Argument(help="The server to move, as typed after ssh.")],
) -> None:
    """Make a key for the move alone, and print the line that lets it into the source.

    The key stays on this machine. From then on it is used instead of yours; finish removes it from
    both machines.
    """
    need_root()
    beginning.preliminary(source, "ssh-ed25519 unknown", "/var/lib/transhume")
    sys.stdout.write(f"{key_line(Processes(), reached(Processes(), source))}\n")
    sys.stderr.write(
        f"That line goes into ~/.ssh/authorized_keys on {source}. Next: transhume init {source}\n"
    )


@app.command()
def check(settings: SettingsPath = SETTINGS, as_json: Json = False) -> None:
    """Look for everything that would keep the move from working. Only reads.

    What was found is kept in the state folder: the next run says what was solved since.
    Ends with 10 when a finding blocks the move or a check couldn't be made.
    """
    with _session(settings) as run:
        console = terminal.make_console()
        with findings.busy(console, quiet=as_json) as heard:
            seen = checking.checked(run, heard)
        if as_json:
            _print_json(asdict(seen))
        else:
            findings.show(console, seen)
        checking.record_alone(run, seen)
        checking.remember(run, seen)
        checking.refuse(seen.findings)


@app.command()
def plan(
    settings: SettingsPath = SETTINGS,
    commands: Annotated[
        bool, typer.Option("--commands", help="Show every command and its way back.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show how the target's configuration would change.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every step, its exact commands and its way back. Only reads."""
    with _session(settings) as run:
        foreseen = list(foresee(run.plan, run.pair))
        if as_json:
            _print_json(described(foreseen))
            return
        console = terminal.make_console()
        terminal.plan(console, foreseen, commands, looking.former(run))
        if diff:
            for line in looking.configuration_diff(run):
                put(console, text(line))
        show(console, outlook(run.plan, past(run.folder)))


@app.command()
def sync(
    settings: SettingsPath = SETTINGS,
    follow: Annotated[
        bool, typer.Option("--follow", help="Pass after pass, until another one is of no more use.")
    ] = False,
    goal: Annotated[
        float,
        typer.Option(min=0.0, help="With --follow: enough is when the rest takes so many seconds."),
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Copy while people work. May be interrupted and repeated; each pass needs less.

    With --follow it goes on until a cutover would hardly take less, and tells how far behind each
    part is. With --json it prints one line for each pass.
    """
    with _session(settings) as run:
        console = terminal.make_console(sys.stderr if as_json else None)
        chosen = Chosen(make_listener, terminal.confirm)
        wanted = goal if follow else None
        moving.synchronise(run, console, chosen, wanted, _pass if as_json else None)


def _pass(seen: Outlook) -> None:
    sys.stdout.write(json.dumps(seen.told()) + "\n")
    sys.stdout.flush()


@app.command()
def cutover(
    settings: SettingsPath = SETTINGS,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise only report.")] = False,
) -> None:
    """Switch to this machine: freeze, copy the rest, take the address, prove, open.

    Without --yes it only reports what it would do. Killed or cut off, run it again: it goes on.
    """
    with _session(settings) as run:
        console = terminal.make_console()
        if yes:
            moving.switch(run, console, Chosen(make_listener, terminal.confirm))
            return
        foreseen = list(foresee(run.plan, run.pair, "cutover", "after"))
        terminal.plan(console, foreseen)
        show(console, outlook(run.plan, past(run.folder)))
        console.print("Nothing was changed. To do it: transhume cutover --yes")


@app.command()
def verify(
    settings: SettingsPath = SETTINGS,
    full: Annotated[bool, typer.Option("--full", help="Read every byte on both sides.")] = False,
    as_json: Json = False,
) -> None:
    """Prove that source and target are equal. Ends with 11 when they aren't."""
    with _session(settings) as run:
        console = terminal.make_console()
        proofs = verifying.prove(
            run, console, Chosen(make_listener, terminal.confirm), full, as_json
        )
        if as_json:
            _print_json({"proofs": [{**asdict(item), "whole": item.whole} for item in proofs]})
        verifying.refuse_differences(proofs)


@app.command()
def rollback(
    settings: SettingsPath = SETTINGS,
    lose_new_mail: Annotated[
        bool,
        typer.Option("--lose-new-mail", help="Without what people did on the target."),
    ] = False,
) -> None:
    """Go back to the source: from the journal, and with all that people did on the target."""
    need_root()
    with (
        _told_if_stopped(settings),
        session(moving.settings_to_go_back(settings, lose_new_mail)) as run,
    ):
        console = terminal.make_console()
        moving.go_back(run, console, Chosen(make_listener, terminal.confirm), lose_new_mail)


@app.command()
def finish(
    settings: SettingsPath = SETTINGS,
    unproved: Annotated[
        bool,
        typer.Option("--unproved", help="Though no verify since the opening found all equal."),
    ] = False,
) -> None:
    """End the move, once verify found all equal: remove what was started for it.

    The source stays fenced.
    """
    with _session(settings) as run:
        moving.end(run, terminal.make_console(), Chosen(make_listener, terminal.confirm), unproved)


@app.command()
def status(
    settings: SettingsPath = SETTINGS,
    follow: Annotated[bool, typer.Option("--follow", help="Show it until the walk ends.")] = False,
    as_json: Json = False,
) -> None:
    """Where the move stands; only reads the journal, also while another run works."""
    folder = moving.state_folder(settings)
    console = terminal.make_console()
    if follow and not as_json:
        follow_run(console, lambda: read(folder), lambda: held(folder))
        return
    events, progress = read(folder)
    seen = fold(events, progress)
    if not held(folder):
        abandoned(seen)
    if as_json:
        _print_json(to_json(seen))
    else:
        show_status(console, seen)


@app.command(name="report")
def write_report(
    settings: SettingsPath = SETTINGS,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the report of the move: one HTML file for the customer."""
    events, progress = read(moving.state_folder(settings))
    if as_json:
        _print_json(report.report_json(events, progress, facts=moving.facts_told(events)))
        return
    path = output or Path("transhume-report.html")
    page = report.report(events, progress, facts=moving.facts_told(events))
    try:
        # Names of people and files stand in it. By the name that nobody chose no link is followed:
        # root may stand in a folder in which others wait for that.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | (0 if output else os.O_NOFOLLOW)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        reason = f"{path} can't be written: {error.strerror}"
        raise typer.BadParameter(reason, param_hint="--output") from None
    terminal.make_console().print(f"Wrote {path}")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"transhume {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the command line and end with the exit code that docs/errors.md lists."""
    raise SystemExit(_guarded())


def _guarded() -> int:
    try:
        with writable(KEPT):
            code = int(app(prog_name="transhume", standalone_mode=False) or 0)
        if code == Interrupted.exit_code:
            # Typer has turned Ctrl-C into this status without a word.
            raise KeyboardInterrupt
        return code
    except TranshumeError as problem:
        if problem.__cause__ is not None:
            _kept(problem)
        terminal.error(terminal.make_console(sys.stderr), problem)
        return problem.exit_code
    except (KeyboardInterrupt, typer.Abort):
        # Of a command that changes nothing by itself.
        again = "type the same command again"
        told = Interrupted("stopped", state="Nothing was changed.", remedy=again)
        terminal.error(terminal.make_console(sys.stderr), told)
        return told.exit_code
    except typer.TyperException as misuse:
        sys.stderr.write(f"transhume: {misuse.format_message()}\n  Next: transhume --help\n")
        return USAGE
    except BrokenPipeError:
        return 1
    except Exception as error:  # noqa: BLE001 - a person at 3 a.m. gets a sentence, not a stack
        terminal.error(terminal.make_console(sys.stderr), _bug(error))
        return TranshumeError.exit_code


def _bug(error: Exception) -> TranshumeError:
    kept = f" and {BUG}" if _kept(error) else ""
    return TranshumeError(
        f"a mistake inside transhume stopped it ({type(error).__name__}: {error})",
        state="The journal is whole: nothing is lost.",
        remedy=f"run the same command again, or transhume rollback; please report this{kept}",
    )


def _kept(error: Exception) -> bool:
    """Write the mistake down whole; whether that was possible."""
    try:
        BUG.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        BUG.touch(mode=0o600)
        BUG.write_text("".join(traceback.format_exception(error)), errors="backslashreplace")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
