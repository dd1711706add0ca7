"""psql on the source itself: what alters its databases is typed there, with its own password."""

from __future__ import annotations

from transhume.core import ini
from transhume.core.change import Await, Run

# The password goes from the server's own file into psql's environment, past every argument.
_LOGIN = (
    "PGUSER=$({user}); PGPASSWORD=$({password}); PGPORT=$({port}); PGHOST=127.0.0.1\n"
    'PGDATABASE="$1"; PGPORT="${{PGPORT:-5432}}"; PGCLIENTENCODING=UTF8; PGCONNECT_TIMEOUT=10\n'
    "export PGUSER PGPASSWORD PGPORT PGHOST PGDATABASE PGCLIENTENCODING PGCONNECT_TIMEOUT\n"
)
_PSQL = "psql -X -q -A -t -v ON_ERROR_STOP=1"


def login(path: str) -> str:
    """Shell lines after which libpq's programs reach the database `$1` of this machine."""
    return _LOGIN.format(
        **{key: ini.reading(path, "global", key) for key in ("user", "password", "port")}
    )


def script(path: str, database: str, text: str) -> Run:
    """SQL for the source; its first error ends it. `path` is the file that holds the login."""
    return Run("source", ("sh", "-c", f"{login(path)}exec {_PSQL}", "sh", database), text.encode())


def until(path: str, database: str, condition: str, limit: int) -> Await:
    """Wait until this SQL expression is true on the source, at most `limit` seconds."""
    query = f"select 1 / ({condition})::int"
    text = f'{login(path)}exec {_PSQL} -c "$2"'
    return Await("source", ("sh", "-c", text, "sh", database, query), limit)


def quoted(value: str) -> str:
    """A value as libpq's connection strings have it."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
