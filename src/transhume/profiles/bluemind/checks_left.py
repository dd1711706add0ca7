"""What lies about: data that nobody named, local additions, leftovers, old addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from ipaddress import ip_address

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.settings import Settings
from transhume.profiles.bluemind.layout import Layout
from transhume.steps.network.links import holding
from transhume.steps.requirements.mounts import inside
from transhume.steps.requirements.remedy import accepting, quoted

_KEPT_BY_THE_SERVER = ("/var/spool", "/var/lib")
_LOCAL = ("/etc/cron.d", "/etc/systemd/system", "/usr/local/bin", "/usr/local/sbin")
_CRONTABS = "/var/spool/cron"
_ELASTIC = "/usr/share/bm-elasticsearch/config/elasticsearch.yml"


def moves(layout: Layout, settings: Settings) -> Callable[[str], bool]:
    """Whether a path is brought by the trees or by the configuration."""
    trees = (*(tree.path for tree in layout.tree), *settings.trees)
    part = layout.configuration

    def moved(path: str) -> bool:
        return (
            any(inside(path, tree) for tree in trees)
            or any(fnmatchcase(path, pattern) for pattern in part.files)
            or any(_below(path, pattern) for pattern in part.folders)
        )

    return moved


def _below(path: str, pattern: str) -> bool:
    """Whether the path or a folder above it is meant by the pattern."""
    depth = pattern.count("/") + 1
    return fnmatchcase("/".join(path.split("/")[:depth]), pattern)


def data(moved: Callable[[str], bool]) -> Look:
    """What BlueMind keeps in a place that the layout doesn't know would stay behind."""

    def look(pair: Pair) -> Iterator[Finding]:
        named = ("-mindepth", "1", "-maxdepth", "1", "-type", "d", "-name", "bm-*")
        printed = pair.source.read("find", *_KEPT_BY_THE_SERVER, *named, "-print0")
        for path in sorted(filter(None, printed.split("\0"))):
            if not moved(path):
                yield Finding(
                    "data-left",
                    "warns",
                    "source",
                    f"{path} is none of the trees that move",
                    "If it holds more than what is made anew, that is lost.",
                    f"in the settings: trees = [{json.dumps(path)}], or " + accepting("data-left"),
                )

    return look


def local(pair: Pair) -> Iterator[Finding]:
    """What an admin added to the machine itself is no part of BlueMind and doesn't move."""
    there, here = (_additions(host) for host in (pair.source, pair.target))
    added = sorted(there - here)
    if added:
        more = f" and {len(added) - 6} more" if len(added) > 6 else ""
        yield Finding(
            "local-left",
            "notes",
            "source",
            f"additions of its admins stay behind: {', '.join(added[:6])}{more}",
            "Timers, scripts and units beside BlueMind belong to the machine.",
            "bring over what is still wanted",
        )


def _additions(host: Host) -> set[str]:
    present = [folder for folder in (*_LOCAL, _CRONTABS) if is_folder(host, folder)]
    if not present:
        return set()
    printed = host.read("find", *present, "-maxdepth", "2", "-type", "f", "-print0")
    found = {path for path in printed.split("\0") if path}
    return {path for path in found if not path.endswith((".placeholder", "/.keep"))}


def is_folder(host: Host, path: str) -> bool:
    """Whether it is a folder there."""
    return host.ask("test", "-d", path).status == 0


def switched_off(pair: Pair) -> Iterator[Finding]:
    """A file that ends in .disabled keeps a service off, wherever /etc/bm is brought."""
    there, here = (_disabled(host) for host in (pair.source, pair.target))
    if there:
        yield Finding(
            "service-disabled",
            "notes",
            "source",
            f"switched off by a file in /etc/bm: {', '.join(sorted(there))}",
            "The files move along: these services stay off on the target.",
        )
    if here - there:
        yield Finding(
            "service-leftover",
            "notes",
            "target",
            f"switched off here alone: {', '.join(sorted(here - there))}",
            "Such a leftover is removed with the wizard's and kept aside: the services run.",
        )


def _disabled(host: Host) -> set[str]:
    printed = host.read("find", "/etc/bm", "-maxdepth", "1", "-name", "*.disabled", "-print0")
    names = (path.rpartition("/")[2] for path in printed.split("\0") if path)
    return {name.removesuffix(".disabled") for name in names}


def cluster_name(pair: Pair) -> Iterator[Finding]:
    """The search engine finds its indexes by a name that is made from /etc/bm/mcast.id."""
    ident = pair.source.file("/etc/bm/mcast.id")
    text = (pair.source.file(_ELASTIC) or b"").decode(errors="replace")
    match = re.search(r"^cluster\.name:\s*(\S+)", text, re.MULTILINE)
    wanted = f"bluemind-{(ident or b'').decode(errors='replace').strip()}"
    if match and ident is not None and match[1].strip("\"'") != wanted:
        yield Finding(
            "cluster-name",
            "warns",
            "source",
            f"{_ELASTIC} says cluster.name {match[1]}, /etc/bm/mcast.id makes it {wanted}",
            "The core looks for its indexes under the other name.",
            "on the source: make them agree, then systemctl restart bm-elasticsearch; or "
            + accepting("cluster-name"),
        )


def dumps(pair: Pair) -> Iterator[Finding]:
    """The documented way leaves dumps in /tmp: all metadata and password hashes, for anybody."""
    for host in (pair.source, pair.target):
        named = ("(", "-name", "*dump*", "-o", "-name", "*.sql", ")")
        searched = ("/tmp", "/var/tmp", "-maxdepth", "1", "-type", "f", *named)
        printed = host.read("find", *searched, "-perm", "-o=r", "-print0")
        found = sorted(path for path in printed.split("\0") if path)
        if found:
            yield Finding(
                "dump-readable",
                "warns",
                host.place,
                f"anybody there can read {', '.join(found[:3])}",
                "A dump holds all of the mail's metadata and the hashes of passwords.",
                f"rm -f -- {quoted(*found)}",
            )


def access(pair: Pair) -> Iterator[Finding]:
    """Who may log in to PostgreSQL, and from where, is set on each machine."""
    there, here = (_rules(host) for host in (pair.source, pair.target))
    missing = [rule for rule in there if rule not in here]
    if missing:
        yield Finding(
            "pg-hba",
            "notes",
            "source",
            f"{len(missing)} rules of its pg_hba.conf aren't here: {'; '.join(missing[:3])}",
            "They come after the target's own; what isn't wanted any more can be taken out then.",
            "nothing to do: the step server-settings brings them; then, to see them here: "
            "runuser -u postgres -- psql -c 'table pg_hba_file_rules'",
        )


def _rules(host: Host) -> list[str]:
    """Who from where to what; how they prove it follows the distribution's own habit."""
    path = str(host.sql("postgres", "show hba_file")[0][0])
    lines = (host.file(path) or b"").decode(errors="replace").splitlines()
    rules = (line.partition("#")[0].split() for line in lines)
    return [
        " ".join(_METHOD if word in _METHODS else word for word in rule) for rule in rules if rule
    ]


_METHODS = ("md5", "scram-sha-256", "password")
_METHOD = "password"


def old_address(settings: Settings) -> Look:
    """Where the target keeps its own address, say where the old one stands: all of it changes."""

    def look(pair: Pair) -> Iterator[Finding]:
        if settings.address.becomes is None:
            return
        for _, ip in pair.source.sql("bj", "select name, ip from t_server"):
            listed = pair.source.ask("grep", "-rlsIF", "--", ip, "/etc").text.splitlines()
            counts = [f"{place} {rows}" for place, rows in _counted(pair.source, ip) if rows]
            yield Finding(
                "address-changes",
                "notes",
                "source",
                f"{ip} stands in {len(listed)} files of /etc ({', '.join(sorted(listed)[:4])}), "
                f"in the database: {', '.join(counts) or 'nowhere'}",
                f"It becomes {settings.address.becomes} in BlueMind's own; look at the others.",
            )

    return look


def new_address(settings: Settings) -> Look:
    """Where the target keeps its own address, it must be one that the target has."""

    def look(pair: Pair) -> Iterator[Finding]:
        becomes = settings.address.becomes
        if becomes is not None and not holding(pair.target, ip_address(becomes)):
            yield Finding(
                "address-not-held",
                "blocks",
                "target",
                f"it doesn't hold {becomes}, the address that people are to reach it by",
                "BlueMind would name an address where nobody answers.",
                "compare with ip addr on the target, and correct becomes in [address]",
            )

    return look


def _counted(source: Host, ip: str) -> Iterator[tuple[str, int]]:
    queries = {
        "t_server": "select count(*) from t_server where ip = %s",
        "rc_users": "select count(*) from rc_users where mail_host = %s",
        "t_systemconf": "select count(*) from t_systemconf "
        "where strpos(configuration::text, %s) > 0",
    }
    for place, query in queries.items():
        yield place, int(source.sql("bj", query, ip)[0][0])
