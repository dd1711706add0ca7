"""What BlueMind's own documentation asks for before a move, and what it forgets to ask."""

from __future__ import annotations

from collections.abc import Iterator

from transhume.core import ini
from transhume.core.check import Check
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.profiles.bluemind.layout import Layout
from transhume.steps import postgres_requirements as postgres
from transhume.steps import requirements as machine
from transhume.steps.queue import messages

_PACKAGES = ("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\\n", "bm-*")
_SUBSCRIPTION = "/api/system/installation/subscription"


def checks(layout: Layout) -> tuple[Check, ...]:
    """Every check, the cheap and decisive ones first."""
    trees = tuple(tree.path for tree in layout.tree)
    names = layout.databases.names
    return (
        Check("root", "the login on the source", machine.root_by_ssh),
        Check("programs", "the programs", machine.programs),
        Check("bluemind", "BlueMind on the source", lambda pair: is_bluemind(pair, layout)),
        Check("version", "BlueMind's version", versions),
        Check("plugins", "BlueMind's plug-ins", plugins),
        Check("wizard", "the set-up wizard", lambda pair: wizard(pair, layout)),
        Check("external-url", "the external-url", lambda pair: external_url(pair, layout)),
        Check("subscription", "the subscription", subscription),
        Check("servers", "the number of servers", one_server),
        Check("archive-kind", "where bodies are", bodies_on_disk),
        Check("backup-job", "backup jobs", backup_job),
        Check("exchanged", "which machine is the older", exchanged(layout)),
        Check("postgresql", "PostgreSQL's version", postgres.major),
        Check("settings", "PostgreSQL's settings", postgres.settings),
        Check("extensions", "PostgreSQL's extensions", postgres.extensions(names)),
        Check("locales", "the databases' locales", postgres.locales(names)),
        Check("time-zones", "names of time zones", postgres.time_zones(names, "timezone")),
        Check("users", "owners of files", machine.users(trees)),
        Check("room", "room on the target", machine.room(trees)),
        Check("rsync", "rsync's version", machine.rsync_version),
        Check("clocks", "the clocks", machine.clocks),
        Check("queue", "the mail queue", machine.queue_size(messages)),
    )


def packages(host: Host) -> dict[str, str]:
    """BlueMind's packages and their versions."""
    rows = (line.split() for line in host.ask(*_PACKAGES).text.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}


def version(host: Host) -> str | None:
    """BlueMind's version without what a distribution adds to it; None when there is none."""
    found = packages(host).get("bm-core")
    return found.partition("-")[0] if found else None


def is_bluemind(pair: Pair, layout: Layout) -> Iterator[Finding]:
    """The source must be a BlueMind of a version that the layout describes."""
    found = version(pair.source)
    if found is None:
        yield Finding(
            "no-bluemind",
            "blocks",
            "source",
            "no BlueMind is installed there",
            "There is nothing that this profile could move.",
            "is this the right machine? [source] ssh in the settings names it",
        )
    elif not found.startswith(layout.versions):
        yield Finding(
            "version-unknown",
            "blocks",
            "source",
            f"BlueMind {found}; the profile {layout.name} describes {layout.versions}x",
            "Other versions keep their data elsewhere.",
            f"upgrade the source to {layout.versions}x first",
        )


def versions(pair: Pair) -> Iterator[Finding]:
    """Row 1: the same version on both."""
    there, here = version(pair.source), version(pair.target)
    if there != here:
        yield Finding(
            "version-differs",
            "blocks",
            "target",
            f"BlueMind {here or 'none'} here, {there or 'none'} on the source",
            "Its programs would meet a database of another version.",
            f"install BlueMind {there} on the target",
        )


def plugins(pair: Pair) -> Iterator[Finding]:
    """Row 2: every package of the source."""
    missing = sorted(set(packages(pair.source)) - set(packages(pair.target)))
    if missing:
        yield Finding(
            "package-missing",
            "blocks",
            "target",
            f"not installed here: {', '.join(missing)}",
            "What it does would be gone after the move.",
            f"apt install {' '.join(missing)}",
        )


def _ini(host: Host, layout: Layout) -> dict[str, str]:
    return ini.section(host.file(layout.databases.ini), "global")


def wizard(pair: Pair, layout: Layout) -> Iterator[Finding]:
    """Row 3: the wizard writes bm.ini and the server's identity."""
    if not _ini(pair.target, layout) or pair.target.file("/etc/bm/server.uid") is None:
        yield Finding(
            "wizard",
            "blocks",
            "target",
            "the set-up wizard wasn't run here",
            "There are no databases and no role to restore into.",
            "open https://<this machine>/setup and run it with the source's external-url",
        )


def external_url(pair: Pair, layout: Layout) -> Iterator[Finding]:
    """Row 3: the same external-url."""
    there, here = (_ini(host, layout).get("external-url") for host in (pair.source, pair.target))
    if there != here:
        yield Finding(
            "external-url",
            "blocks",
            "target",
            f"external-url is {here} here, {there} on the source",
            "Links and certificates would name another server.",
            f"run the set-up wizard again with {there}",
        )


def subscription(pair: Pair) -> Iterator[Finding]:
    """Row 4: a subscription of the target's own, valid for its distribution."""
    if pair.target.file("/etc/bm/subscription.bmz") is None:
        yield Finding(
            "subscription",
            "warns",
            "target",
            "no subscription is installed here",
            "Updates and some features need one that is valid for this distribution.",
            "install it in the console of the target; the source's may be used again",
        )


def one_server(pair: Pair) -> Iterator[Finding]:
    """The documented procedure moves a single server."""
    servers = pair.source.sql("bj", "select name, ip from t_server")
    if len(servers) > 1:
        yield Finding(
            "several-servers",
            "blocks",
            "source",
            f"{len(servers)} servers: {', '.join(f'{name} ({ip})' for name, ip in servers)}",
            "Their data is not on this machine alone.",
            "ask the vendor: there is no procedure for several servers",
        )


def bodies_on_disk(pair: Pair) -> Iterator[Finding]:
    """With another archive_kind bodies are in an object store, not on this disk."""
    query = "select configuration -> 'archive_kind' from t_systemconf"
    kinds = [kind for (kind,) in pair.source.sql("bj", query) if kind not in (None, "", "cyrus")]
    for kind in kinds:
        yield Finding(
            "archive-kind",
            "warns",
            "source",
            f"archive_kind is {kind}: bodies are in an object store",
            "They don't move; the target must reach the same store.",
            "make sure that the target reaches it with the same credentials",
        )


def backup_job(pair: Pair) -> Iterator[Finding]:
    """A backup dumps the databases as well and holds locks."""
    job = pair.source.api("/api/scheduledjobs/_job/DataProtect")
    if job and job.get("executing"):
        yield Finding(
            "backup-running",
            "warns",
            "source",
            "a backup job is running",
            "It dumps the same databases: both take longer, and it would be cut off.",
            "wait for its end: bm-cli job status DataProtect",
        )


def exchanged(layout: Layout):  # type: ignore[no-untyped-def]
    """The target's newest mail must not be newer than the source's."""
    return postgres.not_newer(layout.databases.names[-1], "t_message_body", "created")
