"""What runs and when: servers, the core, backup jobs, nightly work, certificates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.settings import Settings
from transhume.profiles.bluemind.layout import Layout
from transhume.steps.requirements.remedy import accepting, quoted

_BACKUP = "/api/scheduledjobs/_job/DataProtect"
_REPACK_HOUR = 1
_DUMP_RATE = 30_000_000
"""Bytes of database that a dump reads in a second, cautiously: 1 TB took 17 h and, in parallel,
less than 2 (published); what is measured here stands in the forecast."""

_MARGIN_SECONDS = 900
_WEEK = str(7 * 86400)


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


def known_address(settings: Settings) -> Look:
    """The server drives itself by the address in t_server: that one must be the one that moves."""

    def look(pair: Pair) -> Iterator[Finding]:
        moving = [address.partition("/")[0] for address in settings.address.service]
        known = [ip for _, ip in pair.source.sql("bj", "select name, ip from t_server")]
        for ip in known:
            if moving and ip not in moving:
                yield Finding(
                    "address-unknown",
                    "warns",
                    "source",
                    f"it knows itself by {ip}, which isn't among what moves: {', '.join(moving)}",
                    "After the move its core would drive whatever machine holds that address.",
                    "name it in [address] service, or " + accepting("address-unknown"),
                )

    return look


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


def core_state(layout: Layout) -> Look:
    """A source that doesn't serve can't be compared with what serves afterwards."""

    def look(pair: Pair) -> Iterator[Finding]:
        state = pair.source.api(layout.services.state)
        if state != layout.services.serving:
            yield Finding(
                "core-state",
                "warns",
                "source",
                f"its core says {state}",
                "What doesn't work before the move can't be told from what the move broke.",
                "bmctl status; journalctl -u " + quoted(layout.services.core),
            )
        failed = pair.source.read(
            "systemctl",
            "list-units",
            "--state=failed",
            "--plain",
            "--no-legend",
            *layout.services.patterns,
        )
        for line in failed.splitlines():
            unit = line.split()[0]
            yield Finding(
                "unit-failed",
                "warns",
                "source",
                f"{unit} has failed",
                "It would be no better on the target.",
                f"journalctl -u {quoted(unit)}; systemctl restart {quoted(unit)}",
            )

    return look


def certificate(layout: Layout) -> Look:
    """A certificate that ends during the move shows as a failure of the move."""

    def look(pair: Pair) -> Iterator[Finding]:
        path = layout.configuration.certificate
        if pair.source.file(path) is None:
            return
        asked = ("openssl", "x509", "-noout", "-checkend", _WEEK, "-in", path)
        if pair.source.ask(*asked).status != 0:
            ends = pair.source.read("openssl", "x509", "-noout", "-enddate", "-in", path).strip()
            yield Finding(
                "certificate-ends",
                "warns",
                "source",
                f"its certificate {path} ends within a week: {ends.partition('=')[2]}",
                "It moves as it is, and people would be warned of the new server.",
                "renew it on the source first",
            )

    return look


def backup_job(pair: Pair) -> Iterator[Finding]:
    """A backup dumps the databases as well and holds locks."""
    job = pair.source.api(_BACKUP)
    if job and job.get("executing"):
        yield Finding(
            "backup-running",
            "warns",
            "source",
            "a backup job is running",
            "It dumps the same databases: both take longer, and it would be cut off.",
            "wait for its end: bm-cli job status DataProtect",
        )


def windows(layout: Layout) -> Look:
    """At 01:00 pg_repack ends whoever is in its way, and a backup dumps what the move dumps."""

    def look(pair: Pair) -> Iterator[Finding]:
        query = "select datname, pg_database_size(oid) from pg_database"
        sizes = [size for name, size in pair.source.sql("postgres", query) if name in _all(layout)]
        total = sum(map(int, sizes))
        lasts = total / _DUMP_RATE + _MARGIN_SECONDS
        now, hour, minute = map(int, pair.source.read("date", "+%s %H %M").split())
        repack = ((_REPACK_HOUR - hour) * 3600 - minute * 60) % 86400
        if repack < lasts:
            yield _window("window-repack", "pg_repack", repack, lasts, total)
        if any(pair.source.sql("postgres", _REPACKS)):
            yield Finding(
                "repack-running",
                "warns",
                "source",
                "pg_repack is running",
                "It ends whoever is in its way for hours, a long dump as well.",
                "wait for its end: ps -C pg_repack",
            )
        for at in _planned(pair.source.api(_BACKUP) or {}):
            if 0 <= at - now < lasts:
                yield _window("window-backup", "the backup", int(at - now), lasts, total)

    return look


_REPACKS = "select 1 from pg_stat_activity where application_name like 'pg_repack%' limit 1"


def _all(layout: Layout) -> tuple[str, ...]:
    return layout.databases.names + layout.databases.optional


def _window(key: str, what: str, begins: int, lasts: float, size: int) -> Finding:
    return Finding(
        key,
        "warns",
        "source",
        f"{what} begins there in {begins // 60} min; a dump of {size:,} bytes begun now may last "
        f"{lasts / 60:.0f} min",
        "The two would slow each other down, and the dump may be cut off.",
        "begin when it is over, or " + accepting(key),
    )


def _planned(job: dict[str, Any]) -> Iterator[float]:
    """When the job runs next, in seconds since the epoch: told in milliseconds, or as UTC."""
    for plan in job.get("domainPlans") or ():
        told = plan.get("nextRun")
        if isinstance(told, int):
            yield told / 1000
        elif told and re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", told):
            yield datetime.fromisoformat(told[:19]).replace(tzinfo=timezone.utc).timestamp()
