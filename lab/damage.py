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
# Now and then Postfix tries all of them at once, and none is deferred.
_QUEUED = (
    "for try in $(seq 120); do "
    "queued=$(find /var/spool/postfix/deferred -type f | LC_ALL=C sort | head -n 1); "
    '[ -z "$queued" ] || break; sleep 1; done'
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
_FLIPPED = f"python3 -c '{_FLIP}' \"$body\""
_ASIDE = "mkdir -p /root/aside"

# On the disk, while the server is stopped: an update would be somebody's work, not damage. The
# subject follows the name of the body and its own length.
_FLIP_CELL = """
import sys
path, name = sys.argv[1], bytes.fromhex(sys.argv[2])
with open(path, "r+b") as file:
    place = file.read().index(name) + len(name) + 1
    file.seek(place)
    letter = file.read(1)
    file.seek(place)
    file.write(bytes([letter[0] ^ 1]))
"""
_CELL = (
    f'ask="{_POSTGRES} bj-data -c"; '
    "name=$($ask \"select encode(guid, 'hex') from t_message_body order by guid limit 1\"); "
    "file=$($ask \"select current_setting('data_directory') || '/' || "
    "pg_relation_filepath('t_message_body')\")"
)
_FLIPPED_CELL = (
    f'systemctl stop postgresql; python3 -c \'{_FLIP_CELL}\' "$file" "$name"; '
    "systemctl start postgresql"
)

DAMAGES = (
    Damage(
        "a flipped byte of the same size and time",
        _BODY,
        f'{_FLIPPED}; basename "$body"',
        _FLIPPED,
        full=True,
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
        "one changed cell in one row",
        _CELL,
        f"{_FLIPPED_CELL}; echo t_message_body",
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
        f"{_QUEUED}; {_ASIDE}",
        'echo "$queued" > /root/aside/name; mv "$queued" /root/aside/queued; '
        'basename "$queued" | cut -c 1-5',
        'mv /root/aside/queued "$(cat /root/aside/name)"',
    ),
)
"""In the order of the table; each alone."""
