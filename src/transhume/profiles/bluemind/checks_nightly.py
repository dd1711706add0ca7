"""Backups and other nightly work: what runs now, and what would begin during a dump."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.understood import understood
from transhume.errors import StepFailed
from transhume.profiles.bluemind.layout import Layout
from transhume.steps.requirements.remedy import accepting, quoted
from transhume.steps.sized import database_sizes

_JOB = "/api/scheduledjobs/_job/DataProtect"
_RUNNING = "IN_PROGRESS"
_RESTING = ("SUCCESS", "COMPLETED_WITH_WARNINGS", "FAILURE", "UNKNOWN", "INTERRUPTED")
"""What a job may say of its last run in a domain (net.bluemind.scheduledjob.api.JobExitStatus)."""

_REPACK_HOUR = 1
_DUMP_RATE = 30_000_000
"""Bytes of database that a dump reads in a second, cautiously: 1 TB took 17 h and, in parallel,
less than 2 (published); what is measured here stands in the forecast."""

_MARGIN_SECONDS = 900


@dataclass(frozen=True)
class Job:
    """The backup job: the domains that it runs for now, and when it begins anew.

    `planned` are seconds since the epoch.
    """

    running: tuple[str, ...] = ()
    planned: tuple[float, ...] = ()


def job(source: Host) -> Job:
    """What the core says of its backup job; StepFailed when that makes no sense to us."""
    told = source.api(_JOB)
    if told is None:
        return Job()  # There is no such job.
    with understood("the source's backup job"):
        running = tuple(each["domain"] for each in told["domainStatus"] if _runs(each["status"]))
        plans = [each.get("nextRun") for each in told["domainPlanification"]]
        return Job(running, tuple(_seconds(moment) for moment in plans if moment is not None))


def _runs(status: str) -> bool:
    if status not in (_RUNNING, *_RESTING):
        raise StepFailed(f"the source's backup job is in a state that isn't known: {status}")
    return status == _RUNNING


def _seconds(moment: Any) -> float:
    if isinstance(moment, bool) or not isinstance(moment, int | float):
        raise StepFailed(f"the source's backup job runs next at {moment!r}: no milliseconds")
    return moment / 1000


def backup_job(pair: Pair) -> Iterator[Finding]:
    """A backup dumps the databases as well and holds locks."""
    running = job(pair.source).running
    if running:
        yield Finding(
            "backup-running",
            "warns",
            "source",
            f"a backup job is running ({', '.join(running)})",
            "It dumps the same databases: both take longer, and it would be cut off.",
            f"wait for its end: bm-cli job list {quoted(running[0])}",
        )


def windows(layout: Layout) -> Look:
    """At 01:00 pg_repack ends whoever is in its way, and a backup dumps what the move dumps."""

    def look(pair: Pair) -> Iterator[Finding]:
        sizes = database_sizes(pair.source)
        total = sum(size for name, size in sizes.items() if name in _all(layout))
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
        for at in job(pair.source).planned:
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
