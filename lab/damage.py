"""Damage done to a target after a finished move, one at a time, and how it is mended again."""

from __future__ import annotations

from dataclasses import dataclass

_LIVE = "/var/spool/cyrus/data/by_hash"
_DOCS = "/var/spool/bm-docs"
_FILES = "/var/spool/bm-filehosting"
_POSTGRES = "runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -d"
# The first body in the order of the names: an old one, which nobody expunges meanwhile.
_BODY = f"body=$(find {_LIVE} -name '*.zst' | LC_ALL=C sort | head -n 1)"
_DOCUMENT = f"document=$(find {_DOCS}/0 -name '*.jpg' | LC_ALL=C sort | head -n 1)"
_MAP = "map=/etc/postfix/virtual_mailbox"
# On hold it stays where it is: Postfix moves the others between its queues all the time, and one
# that it met while it was reloaded waits for minutes among those that come in.
_HOLD = (
    "queued=$(postqueue -j | grep -F '@[192.0.2.99]' | head -n 1 | "
    """sed -E 's/.*"queue_id": "([^"]+)".*/\\1/'); """
    "held=/var/spool/postfix/hold/$queued; "
    'for try in $(seq 60); do postsuper -h "$queued" 2> /dev/null || true; '
    '[ ! -e "$held" ] || break; sleep 1; done'
)
_INDEX = (
    f'index=$({_POSTGRES} bj-data -c "select indexname from pg_indexes where '
    "tablename = 't_message_body' and indexname not like '%pkey%' order by 1 limit 1\")"
)


@dataclass(frozen=True)
class Damage:
    """What is broken: a shell script that does it and prints what must be named, and its mending.

    Both begin with `find`, which says on what. `full` when only reading every byte can show it.
    """

    name: str
    find: str
    hurt: str
    mend: str
    full: bool = False


_FLIP = """
import os, sys
path = sys.argv[1]
known = os.stat(path)
with open(path, "r+b") as file:
    file.seek(known.st_size // 2)
    byte = file.read(1)
    file.seek(-1, 1)
    file.write(bytes([byte[0] ^ 1]))
os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
"""
_FLIPPED = f"python3 -c '{_FLIP}' \"$flipped\""
_ASIDE = "mkdir -p /root/aside"

MILLION = 1_000_000
_MARK = f"row {MILLION // 2} of the million:"
MANY_ROWS = (
    # As the core does it: a trigger per row would count for minutes.
    "set session_replication_role = replica; "
    "insert into t_container_item (container_id, uid, version, displayname) "
    "select (select min(id) from t_container), 'million-' || n, n, "
    f"'row ' || n || ' of the million: a' from generate_series(1, {MILLION}) n"
)
"""What puts a million rows into one table of the source's mail database, before it is moved."""

# On the disk, while the server is stopped: an update would be somebody's work, not damage.
_FLIP_CELL = """
import sys
path, mark = sys.argv[1], sys.argv[2].encode()
with open(path, "r+b") as file:
    place = file.read().index(mark) + len(mark) + 1
    file.seek(place)
    letter = file.read(1)
    file.seek(place)
    file.write(bytes([letter[0] ^ 1]))
"""
_CELL = (
    f'ask="{_POSTGRES} bj-data -c"; '
    f'[ "$($ask "select count(*) >= {MILLION} from t_container_item")" = t ]; '
    "file=$($ask \"select current_setting('data_directory') || '/' || "
    "pg_relation_filepath('t_container_item')\")"
)
_FLIPPED_CELL = (
    f'systemctl stop postgresql; python3 -c \'{_FLIP_CELL}\' "$file" "{_MARK}"; '
    "systemctl start postgresql"
)

DAMAGES = (
    Damage(
        "a flipped byte of the same size and time",
        f"{_DOCUMENT}; flipped=$document",
        f'{_FLIPPED}; basename "$document"',
        _FLIPPED,
        full=True,
    ),
    Damage(
        "a flipped byte in a body, its size and time as before",
        f"{_BODY}; flipped=$body",
        f'{_FLIPPED}; basename "$body"',
        _FLIPPED,
    ),
    Damage(
        "a missing body",
        f"{_BODY}; {_ASIDE}",
        'echo "$body" > /root/aside/name; mv "$body" /root/aside/body; basename "$body" .zst',
        'mv /root/aside/body "$(cat /root/aside/name)"',
    ),
    Damage(
        "an extra file",
        f"extra={_DOCS}/0/extra",
        'touch -d 2020-01-01 "$extra"; echo 0/extra',
        'rm "$extra"',
    ),
    Damage(
        "an extra body",
        f"extra={_LIVE}/0/0/{'0' * 40}.zst",
        f'cp -a "$({_BODY}; echo "$body")" "$extra"; basename "$extra" .zst',
        'rm "$extra"',
    ),
    Damage("a wrong owner", _BODY, 'chown root "$body"; basename "$body"', 'chown cyrus "$body"'),
    Damage(
        "a changed mode",
        _DOCUMENT,
        'chmod 0606 "$document"; basename "$document"',
        'chmod 0644 "$document"',
    ),
    Damage(
        "a changed time",
        f"{_DOCUMENT}; {_ASIDE}",
        'touch -r "$document" /root/aside/time; touch -d 2001-01-01 "$document"; '
        'basename "$document"',
        'touch -r /root/aside/time "$document"',
    ),
    Damage(
        "a lost ACL",
        f"folder={_FILES}/private",
        'getfacl -p "$folder" > /root/acl; setfacl -b "$folder"; echo private',
        "setfacl --restore=/root/acl",
    ),
    Damage(
        "a lost extended attribute",
        f"key={_FILES}/private/key",
        'python3 -c \'import os, sys; os.removexattr(sys.argv[1], "user.origin")\' "$key"; '
        "echo private/key",
        'python3 -c \'import os, sys; os.setxattr(sys.argv[1], "user.origin", '
        'b"https://outside.example/\\x00\\xff")\' "$key"',
    ),
    Damage(
        "a split hard link",
        f"third={_DOCS}/links/third",
        'cp -a "$third" "$third.split"; mv "$third.split" "$third"; echo links/third',
        f'ln -f {_DOCS}/links/original "$third"',
    ),
    Damage(
        "a symbolic link that leads elsewhere",
        f"link={_DOCS}/links/relative; {_ASIDE}",
        'touch -h -r "$link" /root/aside/time; ln -sfn elsewhere "$link"; echo links/relative',
        'ln -sfn original "$link"; touch -h -r /root/aside/time "$link"',
    ),
    Damage(
        "a file without its holes",
        f"image={_FILES}/example.org/sparse.img",
        'cp -a --sparse=never "$image" "$image.full"; mv "$image.full" "$image"; '
        "echo example.org/sparse.img",
        'cp -a --sparse=always "$image" "$image.thin"; mv "$image.thin" "$image"',
    ),
    Damage(
        "one changed cell in one row among a million",
        _CELL,
        f"{_FLIPPED_CELL}; echo t_container_item",
        _FLIPPED_CELL,
    ),
    Damage(
        "a sequence behind",
        "",
        f"{_POSTGRES} bj-data -c \"select setval('t_container_item_id_seq', "
        '(select last_value - 100 from t_container_item_id_seq))" > /dev/null; '
        "echo t_container_item_id_seq",
        f"{_POSTGRES} bj-data -c \"select setval('t_container_item_id_seq', "
        '(select last_value + 100 from t_container_item_id_seq))" > /dev/null',
    ),
    Damage(
        "a lost index",
        f"{_INDEX}; {_ASIDE}",
        f'echo "$index" > /root/aside/name; {_POSTGRES} bj-data -c '
        '"select pg_get_indexdef(\'\\"$index\\"\'::regclass)" > /root/aside/index; '
        f'{_POSTGRES} bj-data -c "drop index \\"$index\\""; echo "$index"',
        f"{_POSTGRES} bj-data < /root/aside/index",
    ),
    Damage(
        "a missing extension",
        "",
        f'{_POSTGRES} bj -c "drop extension unaccent"; echo unaccent',
        f'{_POSTGRES} bj -c "create extension unaccent schema pg_catalog"',
    ),
    Damage(
        "a stale map",
        _MAP,
        'head -n -1 "$map-flat" > /root/stale; postmap /root/stale; '
        'for end in db lmdb; do test -e "/root/stale.$end" && mv "/root/stale.$end" "$map.$end"; '
        'done; tail -n 1 "$map-flat" | cut -d " " -f 1',
        'cp -a "$map-flat" /root/fresh; postmap /root/fresh; '
        'for end in db lmdb; do test -e "/root/fresh.$end" && mv "/root/fresh.$end" "$map.$end"; '
        "done; true",
    ),
    Damage(
        "a lost queue file",
        _ASIDE,
        f'{_HOLD}; echo "$queued" > /root/aside/name; mv "$held" /root/aside/queued; '
        'echo "$queued" | cut -c 1-5',
        'queued=$(cat /root/aside/name); mv /root/aside/queued "/var/spool/postfix/hold/$queued"; '
        'postsuper -H "$queued" 2> /dev/null',
    ),
)
"""In the order of the table; each alone."""
