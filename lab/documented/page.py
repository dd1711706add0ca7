"""The commands of the vendor's page, as it has them, in their order."""

from __future__ import annotations

from dataclasses import dataclass

from lab.documented import console
from lab.documented.names import ORIGIN
from lab.documented.typist import Part

_HOT = ("bm-hsm", "bm-elasticsearch", "bm-docs", "bm-filehosting")
_TREE = "rsync -avH --delete root@{0}:/var/spool/{1}/ /var/spool/{1}/"
_DUMP = (
    'ssh root@{0} "PGPASSWORD=bj pg_dump --format=c --username=bj --host localhost {1}" '
    "> /tmp/dump-{1}.sql"
)
_MAPS = (
    "master_relay_transport",
    "transport",
    "virtual_alias",
    "virtual_domains",
    "virtual_mailbox",
)


@dataclass(frozen=True)
class Line:
    """One line to type: which row of the procedure it is, and which part of the outage."""

    row: int
    part: Part
    text: str
    enters: bool = False
    """Whether it changes the shell that the next line is typed into."""


def stop(row: int) -> tuple[Line, ...]:
    return (
        Line(row, "stop", "bmctl stop"),
        Line(row, "stop", "systemctl stop postfix.service"),
    )


def trees(row: int, names: tuple[str, ...] = _HOT) -> tuple[Line, ...]:
    return tuple(Line(row, "files", _TREE.format(ORIGIN, name)) for name in names)


def dumps() -> tuple[Line, ...]:
    """Rows 12 and 13: the source's PostgreSQL again, and both databases into files here."""
    start = f'ssh root@{ORIGIN} "systemctl start postgresql.service"'
    return (
        Line(12, "databases", start),
        *(Line(13, "databases", _DUMP.format(ORIGIN, name)) for name in ("bj", "bj-data")),
    )


def configuration() -> tuple[Line, ...]:
    """Rows 14 and 15: the files that the page knows of."""
    copied = (
        f"rsync -av -r root@{ORIGIN}:/etc/bm/\\* /etc/bm",
        f"rsync -av root@{ORIGIN}:/etc/nginx/sw.htpasswd /etc/nginx/sw.htpasswd",
        f"rsync -av root@{ORIGIN}:/etc/ssl/certs/bm_cert*.pem /etc/ssl/certs",
        f"rsync -av -r root@{ORIGIN}:/var/lib/bm-ca/\\* /var/lib/bm-ca",
        _same("/usr/share/bm-elasticsearch/config/elasticsearch.yml"),
    )
    postfix = ("main.cf", "master.cf", *(f"{name}{end}" for name in _MAPS for end in _ENDS))
    return (
        *(Line(14, "files", text) for text in copied),
        *(Line(15, "files", _same(f"/etc/postfix/{name}")) for name in postfix),
    )


_ENDS = ("-flat", ".db")


def _same(path: str) -> str:
    return f"rsync -av root@{ORIGIN}:{path} {path}"


def restore() -> tuple[Line, ...]:
    """Row 16: the databases anew on the target."""
    within = (
        "dropdb bj",
        "dropdb bj-data",
        "createdb bj",
        "createdb bj-data",
        'export nb_cpu=$(cat /proc/cpuinfo |grep "processor"|wc -l)',
        "pg_restore -C --jobs=${nb_cpu} -d bj /tmp/dump-bj.sql",
        "pg_restore -C --jobs=${nb_cpu} -d bj /tmp/dump-bj-data.sql",
    )
    return (
        Line(16, "databases", "systemctl start postgresql.service"),
        Line(16, "databases", "su - postgres", enters=True),
        *(Line(16, "databases", text) for text in within),
        Line(16, "databases", "exit", enters=True),
    )


def hot() -> tuple[Line, ...]:
    """Rows 7 to 9, on the target."""
    return (*stop(7), *trees(8))


def cold() -> tuple[Line, ...]:
    """Rows 11 to 16, on the target, once both are stopped."""
    return (
        *trees(11, ("cyrus", *_HOT)),
        *dumps(),
        *configuration(),
        *restore(),
    )


def after() -> tuple[Line, ...]:
    """Rows 18 to 21: the admin waits for the console, clicks, and types one command."""
    return (
        Line(17, "start", console.AWAIT),
        Line(18, "start", console.SAVE),
        Line(19, "start", console.RUN),
        # The target answers at the source's address: there is nothing to put in its place.
        Line(20, "start", console.SAVE),
        Line(21, "start", "bm-cli tick reconfigure"),
    )
