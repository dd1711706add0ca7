"""pgcopydb as an expert would use it here: both databases at once, by way of ssh."""

from __future__ import annotations

import time

from lab.bench import packages
from lab.documented.favour import PASSWORD
from lab.pair import Pair
from lab.scene import SOURCE, Scene
from lab.shell import LabError

_PORT = 15432
_WAY = f"ssh -f -N -o ExitOnForwardFailure=yes -L {_PORT}:127.0.0.1:5432 {SOURCE}"
# What it restores last is one transaction, which locks every index of every partition.
_LOCKS = "alter system set max_locks_per_transaction = 2048"
# In a session of its own: where it fails it ends whatever is in its process group.
_COPY = f"""\
export PGPASSWORD={PASSWORD}
copy() {{
    runuser -u postgres -- dropdb --force --if-exists "$1" || return
    runuser -u postgres -- createdb --owner=bj --template=template0 "$1" || return
    rm -rf "/tmp/pgcopydb-$1"
    setsid --wait pgcopydb clone --dir "/tmp/pgcopydb-$1" \\
        --table-jobs "$(nproc)" --index-jobs "$(nproc)" \\
        --source "postgresql://bj@127.0.0.1:{_PORT}/$1" \\
        --target "postgresql://bj@127.0.0.1:5432/$1" >"/tmp/pgcopydb-$1.log" 2>&1
}}
copy bj & first=$!
copy bj-data & second=$!
wait "$first" && wait "$second"
"""


def install(pair: Pair) -> None:
    """Debian's package, locks enough, and a way to the source's PostgreSQL, which is closed."""
    packages.install(pair.target, "pgcopydb")
    pair.target.exec(("runuser", "-u", "postgres", "--", "psql", "-Xqc", _LOCKS))
    pair.target.exec(("sh", "-c", "bmctl stop; systemctl restart 'postgresql@*.service'"))
    pair.target.exec(("sh", "-c", f"{_WAY} </dev/null >/dev/null 2>&1"))


def clone(run: Scene) -> float:
    """Copy both; seconds. LabError, with the last that it said, when it fails."""
    begun = time.monotonic()
    done = run.pair.target.exec(("sh", "-c", _COPY), check=False)
    seconds = time.monotonic() - begun
    if done.returncode:
        told = run.pair.target.exec(("sh", "-c", "tail -qn 8 /tmp/pgcopydb-*.log")).stdout
        raise LabError(f"pgcopydb ended with {done.returncode}: {told}{done.stderr}")
    return seconds
