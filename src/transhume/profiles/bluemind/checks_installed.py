"""What is installed: BlueMind's packages and version, the wizard's work, the subscription."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from transhume.core import ini
from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.profiles.bluemind.layout import Layout
from transhume.steps.requirements.programs import installing
from transhume.steps.requirements.remedy import quoted

_DPKG = ("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\\n", "bm-*")
_RPM = ("rpm", "-qa", "--qf", "%{NAME} %{VERSION}-%{RELEASE} installed\\n", "bm-*")
_SUBSCRIPTION = "/api/system/installation/subscription"
_SOON_SECONDS = 30 * 86400


def packages(host: Host) -> dict[str, str]:
    """BlueMind's packages and their versions, by whichever package manager the machine has."""
    debian = host.ask("which", "dpkg-query").status == 0
    rows = (line.split() for line in host.ask(*(_DPKG if debian else _RPM)).text.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}


def version(host: Host) -> str | None:
    """BlueMind's version without what a distribution adds to it; None when there is none."""
    found = packages(host).get("bm-core")
    return _plain(found) if found else None


def _plain(found: str) -> str:
    return found.partition("-")[0]


def is_bluemind(layout: Layout) -> Look:
    """The source must be a BlueMind of a version that the layout describes."""

    def look(pair: Pair) -> Iterator[Finding]:
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

    return look


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
    """Row 2: every package of the source, one by one, in its version."""
    there, here = packages(pair.source), packages(pair.target)
    for name in sorted(set(there) - set(here)):
        yield Finding(
            "package-missing",
            "blocks",
            "target",
            f"{name} {_plain(there[name])} isn't installed here",
            "What it does would be gone after the move.",
            installing(pair.target, quoted(name)),
        )
    for name in sorted((set(there) & set(here)) - {"bm-core"}):
        if _plain(there[name]) != _plain(here[name]):
            yield Finding(
                "package-differs",
                "blocks",
                "target",
                f"{name} {_plain(here[name])} here, {_plain(there[name])} on the source",
                "All of BlueMind's packages are of one version, or they don't work together.",
                f"install {name} {_plain(there[name])} on the target",
            )
    extra = sorted(set(here) - set(there))
    if there and extra:
        yield Finding(
            "package-extra",
            "notes",
            "target",
            f"installed here and not on the source: {', '.join(extra)}",
            "It stays, and meets data that it never had to do with.",
        )


def bm_ini(host: Host, layout: Layout) -> dict[str, str]:
    """What the wizard wrote."""
    return ini.section(host.file(layout.databases.ini), "global")


def wizard(layout: Layout) -> Look:
    """Row 3: the wizard writes bm.ini and the server's identity."""

    def look(pair: Pair) -> Iterator[Finding]:
        if not bm_ini(pair.target, layout) or pair.target.file("/etc/bm/server.uid") is None:
            yield Finding(
                "wizard",
                "blocks",
                "target",
                "the set-up wizard wasn't run here",
                "There are no databases and no role to restore into.",
                "open https://<this machine>/setup and run it with the source's external-url",
            )

    return look


def external_url(layout: Layout) -> Look:
    """Row 3: the same external-url."""

    def look(pair: Pair) -> Iterator[Finding]:
        machines = (pair.source, pair.target)
        there, here = (bm_ini(host, layout).get("external-url") for host in machines)
        if there != here:
            yield Finding(
                "external-url",
                "blocks",
                "target",
                f"external-url is {here} here, {there} on the source",
                "Links and certificates would name another server.",
                f"run the set-up wizard again with {there}",
            )

    return look


def subscription(layout: Layout) -> Look:
    """Row 4: a subscription of the target's own, valid for its distribution."""

    def look(pair: Pair) -> Iterator[Finding]:
        if pair.target.file("/etc/bm/subscription.bmz") is None:
            yield Finding(
                "subscription",
                "warns",
                "target",
                "no subscription is installed here",
                "Updates and some features need one that is valid for this distribution.",
                "install it in the console of the target; the source's may be used again",
            )
        for host in (pair.source, pair.target):
            active = host.ask("systemctl", "is-active", "--quiet", layout.services.core)
            # A core that is stopped, as the page has it on the target, has nothing to say.
            told = host.api(_SUBSCRIPTION) if active.status == 0 else None
            trouble = _trouble(told or {}, int(host.read("date", "+%s")))
            if trouble:
                yield Finding(
                    "subscription-ends",
                    "warns",
                    host.place,
                    f"its subscription {trouble}",
                    "Updates and some features need one that is valid for its distribution.",
                    "ask the vendor for one; it is installed in the console",
                )

    return look


def _trouble(told: dict[str, Any], now: int) -> str:
    """What is wrong with a subscription; `ends` is in milliseconds since the epoch."""
    if told.get("valid") is False:
        return "isn't valid there"
    ends = told.get("ends")
    if isinstance(ends, int) and ends / 1000 - now < _SOON_SECONDS:
        day = datetime.fromtimestamp(ends / 1000, timezone.utc).date()
        return f"ends on {day.isoformat()}"
    return ""
