"""The way by which the target's PostgreSQL reaches the source's, also while no command runs."""

from __future__ import annotations

from collections.abc import Iterator

from transhume.core import ini
from transhume.core.change import SERVICE_FILE, SSH_CONFIG, Await, Change, Run, Series
from transhume.core.command import FOLLOW
from transhume.core.host import Pair
from transhume.steps.replication import on_source

UNIT = "transhume-follow.service"
_PASSFILE = f"{FOLLOW}/passfile"
_SOCKET = f"{FOLLOW}/.s.PGSQL.5432"
_WHERE = "service=transhume-source"
_LIMIT = 30

# libpq's password file has : and \ escaped (https://www.postgresql.org/docs/current/libpq-pgpass.html).
_PREPARE = f"""\
install -d -m 0750 -o root -g postgres {FOLLOW} || exit
umask 077
password=$({ini.reading(SERVICE_FILE, "transhume-source", "password")}) || exit
escaped=$(printf '%s' "$password" | sed 's/[\\\\:]/\\\\&/g')
printf '*:*:*:*:%s\\n' "$escaped" >{_PASSFILE}.new || exit
chown postgres: {_PASSFILE}.new && mv {_PASSFILE}.new {_PASSFILE}
"""
# A login by an agent that goes with the admin's session lasts as long as the connection stands.
_OPEN = (
    f"systemctl stop {UNIT} 2>/dev/null; "
    f"exec systemd-run --quiet --collect --unit={UNIT} --property=Group=postgres "
    "--property=Restart=always --property=RestartSec=2 --property=StartLimitIntervalSec=0 "
    '${SSH_AUTH_SOCK:+"--setenv=SSH_AUTH_SOCK=$SSH_AUTH_SOCK"} "$@"'
)
# Group and mask leave the socket to root and to PostgreSQL's own user.
_OPTIONS = (
    "ControlPath=none",
    "ExitOnForwardFailure=yes",
    "StreamLocalBindUnlink=yes",
    "StreamLocalBindMask=0117",
)


def conninfo(user: str, database: str) -> str:
    """What a subscription keeps: no password, but the file that has it."""
    words = {"host": FOLLOW, "port": "5432", "user": user, "dbname": database}
    words |= {"passfile": _PASSFILE, "connect_timeout": "10"}
    return " ".join(f"{key}={on_source.quoted(value)}" for key, value in words.items())


def stop() -> Run:
    """Close the way and forget the password; nothing happens when there is none."""
    script = f"systemctl stop {UNIT} 2>/dev/null; exec rm -rf {FOLLOW}"
    return Run("target", ("sh", "-c", script))


def is_open(pair: Pair) -> bool:
    """Whether the way stands."""
    running = pair.target.ask("systemctl", "is-active", "--quiet", UNIT).status == 0
    return running and pair.target.ask("test", "-S", _SOCKET).status == 0


def opened(pair: Pair, port: int, *, anew: bool = False) -> Iterator[Change]:
    """Open the way to the port of the source's PostgreSQL, unless it stands and may stay."""
    if is_open(pair) and not anew:
        return
    forward = ("ssh", "-F", SSH_CONFIG, "-N", f"-L{_SOCKET}:127.0.0.1:{port}")
    options = tuple(word for option in _OPTIONS for word in ("-o", option))
    acts = (
        Run("target", ("sh", "-c", _PREPARE, "sh", _WHERE)),
        Run("target", ("sh", "-c", _OPEN, "sh", *forward, *options, "transhume-source")),
        Await("target", ("test", "-S", _SOCKET), _LIMIT),
    )
    yield Change("open the way to the source's PostgreSQL", Series(acts), stop())
