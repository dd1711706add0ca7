"""An hour's work of people and an admin on a server, and what of it another one lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.compare.databases import MAIL, psql
from lab.machine import Machine

_CORE = "bj"
_LIVE, _ARCHIVE = "/var/spool/cyrus/data/by_hash", "/var/spool/bm-hsm/data/by_hash"
# As the core does it: the rows first, then the body; or the body in the other tier. None that came
# in since $1, seconds since the epoch: those are counted.
_EXPUNGE = f"""
set -e
cd {_LIVE}
ask='runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -d bj-data'
for body in $(find . -name '*.zst' ! -newermt "@$1" | LC_ALL=C sort | head -n 12); do
    name=$(basename "$body" .zst)
    $ask -c "delete from t_mailbox_record where message_body_guid = decode('$name', 'hex');
             delete from t_message_body where guid = decode('$name', 'hex')"
    rm "$body"; echo "$body"
done
"""
_ARCHIVED = f"""
set -e
cd {_LIVE}
for body in $(find . -name '*.zst' ! -newermt "@$1" | LC_ALL=C sort | tail -n 12); do
    mkdir -p "{_ARCHIVE}/$(dirname "$body")"
    mv "$body" "{_ARCHIVE}/$body"; echo "$body"
done
chown -R --reference={_LIVE} {_ARCHIVE}
"""
_SET = """
postconf -e message_size_limit=31457280
echo 'greeting = changed' > /etc/bm/local.changed
mkdir -p /var/spool/bm-docs/new && echo hello > '/var/spool/bm-docs/new/a
b' && rm -rf /var/spool/bm-docs/0
"""
_ROWS = {
    _CORE: "update t_systemconf set configuration = configuration || 'work=>done'; "
    "select nextval(seqrelid) from pg_sequence, generate_series(1, 100)",
    MAIL: "update t_container set name = name || ' (renamed)' where id % 3 = 0",
}


@dataclass(frozen=True)
class Work:
    """The bodies that were deleted, and those that went from the live tier to the archive, each by
    its path below the live tier's folder."""

    gone: tuple[str, ...]
    moved: tuple[str, ...]


def work(machine: Machine, since: int) -> Work:
    """Delete, archive, rename, set; nothing that came in after `since`, seconds since the epoch."""
    gone, moved = (
        machine.exec(("sh", "-c", script, "work", str(since))).stdout.split()
        for script in (_EXPUNGE, _ARCHIVED)
    )
    machine.exec(("sh", "-c", _SET))
    for database, sql in _ROWS.items():
        psql(machine, database, sql)
    return Work(tuple(gone), tuple(moved))


def lacks(machine: Machine, done: Work) -> Iterator[str]:
    """What of the work isn't found there; whatever the rest of the server is like."""
    there = _existing(machine, _LIVE, (*done.gone, *done.moved))
    yield from (f"{path} is in the live tier still" for path in there)
    archived = set(_existing(machine, _ARCHIVE, done.moved))
    yield from (f"{path} isn't in the archive" for path in done.moved if path not in archived)
    for what, holds in _settings(machine).items():
        if not holds:
            yield f"{what} isn't as it was left"


def _existing(machine: Machine, folder: str, paths: tuple[str, ...]) -> list[str]:
    script = f'cd {folder}; for each; do ! test -e "$each" || printf "%s\\n" "$each"; done'
    return machine.exec(("sh", "-c", script, "look", *paths)).stdout.split()


def _settings(machine: Machine) -> dict[str, bool]:
    def said(*argv: str) -> str:
        return machine.exec(argv, check=False).stdout

    configured = psql(machine, _CORE, "select configuration -> 'work' from t_systemconf")
    renamed = "select bool_and(name like '%(renamed)%') from t_container where id % 3 = 0"
    return {
        "t_systemconf": configured == [["done"]],
        "t_container": psql(machine, MAIL, renamed) == [["t"]],
        "message_size_limit": said("postconf", "-h", "message_size_limit") == "31457280\n",
        "local.changed": "changed" in said("cat", "/etc/bm/local.changed"),
        "the new document": said("cat", "/var/spool/bm-docs/new/a\nb") == "hello\n",
        "the old documents": said("ls", "-d", "/var/spool/bm-docs/0") == "",
    }
