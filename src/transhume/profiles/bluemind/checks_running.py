"""What runs: servers, the core and its units, certificates."""

from __future__ import annotations

from collections.abc import Iterator

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.settings import Settings
from transhume.profiles.bluemind.layout import Layout
from transhume.steps.requirements.remedy import accepting, quoted

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
