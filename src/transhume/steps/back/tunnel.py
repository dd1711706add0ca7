"""The way by which the source's PostgreSQL reaches the target's, while it is carried back."""

from __future__ import annotations

from collections.abc import Iterator

from transhume.core import ini
from transhume.core.change import SSH_CONFIG, Await, Change, Run, Series
from transhume.core.host import Pair
from transhume.steps.replication import on_source
from transhume.steps.replication.survey import server

UNIT = "transhume-return.service"
FOLDER = "/run/transhume-return"
"""On the source: the password file of its PostgreSQL."""
PORT = 45432
"""On the source's loopback: behind it is the target's PostgreSQL, which asks for a password."""
_PASSFILE = f"{FOLDER}/passfile"
_LIMIT = 30

# libpq's password file has : and \ escaped (https://www.postgresql.org/docs/current/libpq-pgpass.html).
_PREPARE = """\
install -d -m 0750 -o root -g postgres {folder} || exit
umask 077
password=$({password}) || exit
escaped=$(printf '%s' "$password" | sed 's/[\\\\:]/\\\\&/g')
printf '*:*:*:*:%s\\n' "$escaped" >{passfile}.new || exit
chown postgres: {passfile}.new && mv {passfile}.new {passfile}
"""
_OPEN = (
    f"systemctl stop {UNIT} 2>/dev/null; "
    f"exec systemd-run --quiet --collect --unit={UNIT} "
    "--property=Restart=always --property=RestartSec=2 --property=StartLimitIntervalSec=0 "
    '${SSH_AUTH_SOCK:+"--setenv=SSH_AUTH_SOCK=$SSH_AUTH_SOCK"} "$@"'
)
_ANSWERS = ("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(PORT))


def conninfo(user: str, database: str) -> str:
    """What the source's subscription keeps: no password, but the file that has it."""
    words = {"host": "127.0.0.1", "port": str(PORT), "user": user, "dbname": database}
    words |= {"passfile": _PASSFILE, "connect_timeout": "10"}
    return " ".join(f"{key}={on_source.quoted(value)}" for key, value in words.items())


def stop() -> Series:
    """Close the way and forget the password; nothing happens when there is none."""
    close = Run("target", ("systemctl", "stop", UNIT), ok=(0, 5))
    return Series((close, Run("source", ("rm", "-rf", "--", FOLDER))))


def is_open(pair: Pair) -> bool:
    """Whether the way stands."""
    running = pair.target.ask("systemctl", "is-active", "--quiet", UNIT).status == 0
    return running and pair.source.ask("test", "-f", _PASSFILE).status == 0


def opened(pair: Pair, path: str) -> Iterator[Change]:
    """Open the way, unless it stands; the login is the one in the source's file `path`."""
    if is_open(pair):
        return
    script = _PREPARE.format(
        folder=FOLDER, passfile=_PASSFILE, password=ini.reading(path, "global", "password")
    )
    there = f"127.0.0.1:{server(pair.target).port}"
    forward = ("ssh", "-F", SSH_CONFIG, "-N", f"-R127.0.0.1:{PORT}:{there}")
    options = ("-o", "ControlPath=none", "-o", "ExitOnForwardFailure=yes")
    acts = (
        Run("source", ("sh", "-c", script)),
        Run("target", ("sh", "-c", _OPEN, "sh", *forward, *options, "transhume-source")),
        Await("source", _ANSWERS, _LIMIT),
    )
    yield Change("open the way to the target's PostgreSQL", Series(acts), stop())
