"""Where the documented procedure fails in silence on these machines: databases, mail, services."""

from __future__ import annotations

import re
from collections.abc import Iterator

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.errors import StepFailed
from transhume.profiles.bluemind.checks_installed import bm_ini
from transhume.profiles.bluemind.layout import Layout
from transhume.steps.requirements.mounts import mounts, under
from transhume.steps.requirements.roles import present
from transhume.steps.sized import database_sizes

_DOCUMENTED = "bj"
"""The password that the page types."""

_NO_SHELLS = ("nologin", "false", "sync", "")
_HIDING = ("1", "2", "4", "noaccess", "invisible", "ptraceable")
"""Values of hidepid by which a user sees his own processes alone (proc(5))."""

_PROPERTIES = """
select datname::text, pg_get_userbyid(datdba)::text, coalesce(array_to_string(setconfig, ', '), '')
from pg_database left join pg_db_role_setting on setdatabase = pg_database.oid and setrole = 0
where datname = any(%s) order by 1
"""
_TRIGGERS = """
select count(*), count(distinct tgrelid) from pg_trigger t join pg_class c on c.oid = t.tgrelid
where not tgisinternal and c.relkind = 'p'
"""
_FRIENDS = "select configuration -> 'fwAdditionalIPs' from t_systemconf"
_INDEXED = re.compile(r"\.(?:db|lmdb|cdb)$")


def password(layout: Layout) -> Look:
    """The page types one password; the wizard may have made another."""

    def look(pair: Pair) -> Iterator[Finding]:
        values = bm_ini(pair.source, layout)
        if "password" not in values:
            raise StepFailed(f"{layout.databases.ini} on the source names no password")
        if values["password"] != _DOCUMENTED:
            yield Finding(
                "trap-password",
                "notes",
                "source",
                f"the password of {values.get('user')} in {layout.databases.ini} isn't the page's",
                "The page's pg_dump is refused, and leaves an empty file that looks like a dump.",
                "nothing to do: the password is read there",
            )

    return look


def process_list(pair: Pair) -> Iterator[Finding]:
    """A password on a command line is shown to whoever may list processes."""
    counted = {host.place: len(_onlookers(host)) for host in (pair.source, pair.target)}
    if any(counted.values()):
        yield Finding(
            "trap-process-list",
            "notes",
            "both",
            f"accounts beside root that may list all processes: {counted['source']} on the source, "
            f"{counted['target']} here",
            "The page types the databases' password on command lines, where they can read it.",
            "nothing to do: passwords go through a file that root alone can read",
        )


def _onlookers(host: Host) -> list[str]:
    """Accounts with a shell, where /proc shows everybody's processes."""
    options = under(mounts(host), "/proc").options
    if any(f"hidepid={value}" in options for value in _HIDING):
        return []
    lines = (host.file("/etc/passwd") or b"").decode(errors="replace").splitlines()
    rows = [line.split(":") for line in lines]
    return [
        row[0]
        for row in rows
        if len(row) > 6 and row[2] != "0" and row[6].rpartition("/")[2] not in _NO_SHELLS
    ]


def dumps(layout: Layout) -> Look:
    """The page's dumps lie in a folder that is everybody's."""

    def look(pair: Pair) -> Iterator[Finding]:
        mode = pair.target.read("stat", "-c", "%a", "/tmp").strip()
        if not re.fullmatch("[0-7]{3,4}", mode):
            raise StepFailed("stat on the target doesn't say who may enter /tmp")
        names = layout.databases.names + layout.databases.optional
        size = sum(size for name, size in database_sizes(pair.source).items() if name in names)
        if int(mode, 8) & 1:
            yield Finding(
                "trap-dumps",
                "notes",
                "target",
                f"the page's dumps of {size:,} bytes of databases would lie in /tmp (mode {mode})",
                "Anybody here could read all of the mail's metadata and the hashes of passwords.",
                "nothing to do: the step dump-databases writes into a folder of root's alone",
            )

    return look


def restore_status(layout: Layout) -> Look:
    """pg_restore -C fails where the database is there, and without -C its properties are lost."""

    def look(pair: Pair) -> Iterator[Finding]:
        names = list(layout.databases.names + layout.databases.optional)
        here = present(pair.target, tuple(names))
        rows = pair.source.sql("postgres", _PROPERTIES, names)
        kept = [f"{name} ({', '.join(filter(None, rest))})" for name, *rest in rows]
        if here:
            yield Finding(
                "trap-restore-status",
                "notes",
                "target",
                f"it has {', '.join(here)} already; on the source, with owners and settings: "
                + ", ".join(kept),
                "pg_restore -C then ends with an error also when all went well; without it owners "
                "and settings are lost.",
                "nothing to do: the step create-databases makes them like the source's",
            )

    return look


def triggers(layout: Layout) -> Look:
    """A trigger of a table in partitions fires while the page's restore fills them."""

    def look(pair: Pair) -> Iterator[Finding]:
        counted = [
            (name, *pair.source.sql(name, _TRIGGERS)[0])
            for name in present(pair.source, layout.databases.names)
        ]
        seen = [f"{number} on {tables} tables of {name}" for name, number, tables in counted]
        if any(number for _, number, _ in counted):
            yield Finding(
                "trap-triggers",
                "notes",
                "source",
                f"triggers of tables in partitions: {', '.join(seen)}",
                "They fire while the page's restore fills the partitions: rows fail, and with "
                "them whole tables.",
                "nothing to do: the steps follow-databases and restore-databases bring rows "
                "without firing them",
            )

    return look


def indexed_maps(pair: Pair) -> Iterator[Finding]:
    """An indexed map is in the form of its distribution's library."""
    listed = ("-mindepth", "1", "-maxdepth", "1", "-type", "f", "-print0")
    printed = pair.source.read("find", "/etc/postfix", *listed)
    indexed = [path for path in printed.split("\0") if _INDEXED.search(path)]
    there, here = (_distribution(host) for host in (pair.source, pair.target))
    if indexed and there != here:
        yield Finding(
            "trap-indexed-maps",
            "notes",
            "source",
            f"{len(indexed)} indexed maps in /etc/postfix were made by {there}; this is {here}",
            "The page copies them as they are: a Postfix that can't open one defers all mail.",
            "nothing to do: the step configuration makes them anew from their text",
        )


def _distribution(host: Host) -> str:
    lines = (host.file("/etc/os-release") or b"").decode(errors="replace").splitlines()
    told = dict(line.split("=", 1) for line in lines if "=" in line)
    return (told.get("PRETTY_NAME") or told.get("NAME") or "an unknown system").strip("\"'")


def firewall_save(pair: Pair) -> Iterator[Finding]:
    """The console's Save does nothing where the value is the same as before."""
    told = [str(value or "") for (value,) in pair.source.sql("bj", _FRIENDS)]
    friends = [each for value in told for each in re.split(r"[\s,]+", value) if each]
    if friends:
        yield Finding(
            "trap-firewall",
            "notes",
            "source",
            f"its firewall lets in {len(friends)} further senders: {', '.join(friends[:5])}",
            "The target's rules know none of them, and Save writes no rules where nothing changed.",
            "nothing to do: the step firewall has the rules written, and waits for them",
        )


def maps_run(layout: Layout) -> Look:
    """The console's Run says that it is done before a map is written."""

    def look(pair: Pair) -> Iterator[Finding]:
        paths = [f"{path}-flat" for path in layout.configuration.maps]
        there, here = ({path: host.file(path) for path in paths} for host in _both(pair))
        known = {path: text for path, text in there.items() if text is not None}
        other = [path for path, text in known.items() if text != here[path]]
        if other:
            lines = sum(text.count(b"\n") for text in known.values())
            yield Finding(
                "trap-maps",
                "notes",
                "target",
                f"{len(other)} of {len(known)} routing tables ({lines:,} lines on the source) are "
                "otherwise here",
                "Run says Success before a table is written: until then mail bounces.",
                "nothing to do: the step maps waits for the files themselves",
            )

    return look


def early_clients(layout: Layout) -> Look:
    """The page restarts the target in the old one's place, and everything starts at once."""

    def look(pair: Pair) -> Iterator[Finding]:
        enabled = _enabled(pair.target, layout.services.patterns)
        if enabled:
            yield Finding(
                "trap-early-clients",
                "notes",
                "target",
                f"{len(enabled)} units start here by themselves: {', '.join(enabled[:4])}",
                "After the page's restart they let people in before the core is there and before "
                "anything was proved.",
                "nothing to do: the step close keeps people out until all was proved",
            )

    return look


def second_server(layout: Layout) -> Look:
    """Switched on again, the old server would serve beside the new one."""

    def look(pair: Pair) -> Iterator[Finding]:
        enabled = _enabled(pair.source, layout.services.patterns)
        if enabled:
            yield Finding(
                "trap-second-server",
                "notes",
                "source",
                f"{len(enabled)} units start there by themselves: {', '.join(enabled[:4])}",
                "The page leaves them so: after a power cut two servers would take mail.",
                "nothing to do: the step freeze masks them",
            )

    return look


def _enabled(host: Host, patterns: tuple[str, ...]) -> list[str]:
    # Its status is an error also where no unit fits; then it complains of nothing.
    listed = ("systemctl", "list-unit-files", "--plain", "--no-legend", "--full")
    said = host.ask(*listed, *patterns)
    if said.status != 0 and said.stderr:
        raise StepFailed(f"systemctl on the {host.place} doesn't say what starts by itself")
    rows = [line.split() for line in said.text.splitlines()]
    return sorted(row[0] for row in rows if len(row) > 1 and row[1] == "enabled")


def cluster(pair: Pair) -> Iterator[Finding]:
    """The search engine's name is made from this file: both travel together."""
    there, here = (host.file("/etc/bm/mcast.id") for host in _both(pair))
    if there is not None and there != here:
        yield Finding(
            "cluster-id",
            "notes",
            "both",
            "/etc/bm/mcast.id is another one here: "
            + " and ".join(
                repr((text or b"").decode(errors="replace").strip()) for text in (there, here)
            ),
            "elasticsearch.yml names the cluster by it: one without the other finds no index.",
            "nothing to do: the step configuration brings both",
        )


def _both(pair: Pair) -> tuple[Host, Host]:
    return pair.source, pair.target
