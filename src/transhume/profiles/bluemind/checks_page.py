"""What the documented procedure forgets on these machines: files, seen before anything is moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.errors import StepFailed
from transhume.profiles.bluemind.checks_left import is_folder
from transhume.profiles.bluemind.layout import Layout
from transhume.steps.requirements.roles import present
from transhume.steps.sized import database_sizes

_MAIL = "/var/spool/cyrus"
_ETC = "/etc/bm"
_KEYCLOAK, _KERBEROS = "/etc/bm-keycloak", "/etc/krb5.conf"
_ALIASES = "/etc/aliases"
_POSTFIX = "/etc/postfix"
_NAMED = 5
"""So many names stand in a finding."""


@dataclass(frozen=True)
class Forgotten:
    """Folders that no row of the page names: the trap's name, what is lost, what brings them."""

    trap: str
    paths: tuple[str, ...]
    lost: str
    step: str


FORGOTTEN = (
    Forgotten(
        "hollowed",
        ("/var/spool/bm-hollowed",),
        "Sign-on tokens and derived folders would be gone.",
        "finish-trees",
    ),
    Forgotten(
        "rules",
        ("/var/spool/bm-core/rules",),
        "Whoever has got a vacation reply already would get it again.",
        "finish-trees",
    ),
    Forgotten(
        "mapi",
        ("/var/spool/bm-mapi",),
        "Each Outlook would load its mailbox anew.",
        "finish-trees",
    ),
    Forgotten(
        "influxdb",
        ("/var/lib/influxdb",),
        "The monitoring would have forgotten all that it measured.",
        "finish-trees",
    ),
    Forgotten(
        "ldap",
        ("/var/lib/ldap", "/etc/ldap/slapd.d"),
        "Whatever asks the directory of bm-ldap-role would find nobody.",
        "finish-trees",
    ),
    Forgotten(
        "nginx",
        ("/etc/nginx/bm-local.d", "/etc/nginx/bluemind"),
        "Sites and headers of its own would be gone.",
        "configuration",
    ),
)


def mail_only_cold(pair: Pair) -> Iterator[Finding]:
    """Since 5.0 this tree holds the mail itself, and the page has it in its cold part alone."""
    if not is_folder(pair.source, _MAIL):
        return
    words = pair.source.read("df", "--block-size=1", "--output=used", "--", _MAIL).split()
    if not words or not words[-1].isdigit():
        raise StepFailed(f"df on the source doesn't say what is used on {_MAIL}")
    yield Finding(
        "trap-mail-only-cold",
        "notes",
        "source",
        f"the file system of {_MAIL} holds {int(words[-1]):,} bytes",
        "The page copies the mail for the first time in the outage: that grows with all of it.",
        "nothing to do: the step sync-trees copies it while people work",
    )


def forgotten(pair: Pair) -> Iterator[Finding]:
    """Data in folders that the page doesn't name."""
    for each in FORGOTTEN:
        counted = _entries(pair.source, each.paths)
        if counted:
            yield Finding(
                f"trap-{each.trap}",
                "notes",
                "source",
                f"the page leaves behind {_told(counted)}",
                each.lost,
                f"nothing to do: the step {each.step} brings it",
            )


def keycloak(layout: Layout) -> Look:
    """The realms and the login by Kerberos lie in a database and in two places of /etc."""

    def look(pair: Pair) -> Iterator[Finding]:
        sizes = database_sizes(pair.source)
        seen = [
            f"the database {name} ({sizes.get(name, 0):,} bytes)"
            for name in present(pair.source, layout.databases.optional)
        ]
        counted = _entries(pair.source, (_KEYCLOAK,))
        seen += [_told(counted)] if counted else []
        kerberos = pair.source.file(_KERBEROS)
        if kerberos is not None and kerberos != pair.target.file(_KERBEROS):
            seen.append(f"{_KERBEROS} ({len(kerberos):,} bytes)")
        if seen:
            yield Finding(
                "trap-keycloak",
                "notes",
                "source",
                f"the page leaves behind {', '.join(seen)}",
                "Whoever logs in by way of Keycloak couldn't any more.",
                "nothing to do: the steps restore-databases and configuration bring it",
            )

    return look


def other_folders(pair: Pair) -> Iterator[Finding]:
    """What other services of BlueMind are set by."""
    named = ("-mindepth", "1", "-maxdepth", "1", "-type", "d", "-name", "bm-*", "-print0")
    listed = set(filter(None, pair.source.read("find", "/etc", *named).split("\0")))
    counted = _entries(pair.source, tuple(sorted(listed - {_KEYCLOAK})))
    if counted:
        yield Finding(
            "trap-other-folders",
            "notes",
            "source",
            f"the page leaves behind {_told(counted)}",
            "These services would run as the wizard set them.",
            "nothing to do: the step configuration brings them",
        )


def dot_files(pair: Pair) -> Iterator[Finding]:
    """The page's /etc/bm/* means no name that begins with a dot, and removes nothing."""
    there, here = (_names(host, _ETC) for host in (pair.source, pair.target))
    hidden = sorted(name for name in there if name.startswith("."))
    if hidden:
        yield Finding(
            "trap-dot-files",
            "notes",
            "source",
            f"hidden files in {_ETC}: {_some(hidden)}",
            "The page's glob skips them: the wizard's would stay.",
            "nothing to do: the step configuration brings them",
        )
    extra = sorted(here - there)
    if extra:
        yield Finding(
            "configuration-leftover",
            "notes",
            "target",
            f"{len(extra)} files of {_ETC} are here alone: {_some(extra)}",
            "The page leaves them, and the server reads them as if they were the source's.",
            "nothing to do: the step configuration takes them out and keeps them aside",
        )


def aliases(pair: Pair) -> Iterator[Finding]:
    """Where mail for the system's own users goes."""
    there, here = (_alias_lines(host) for host in (pair.source, pair.target))
    lacking = [line for line in there if line not in here]
    if lacking:
        yield Finding(
            "trap-aliases",
            "notes",
            "source",
            f"{len(lacking)} of the {len(there)} lines of its {_ALIASES} aren't here: "
            + _some([line.partition(":")[0] for line in lacking]),
            "Mail to these names would bounce.",
            "nothing to do: the step configuration brings the file",
        )


def _alias_lines(host: Host) -> list[str]:
    lines = (host.file(_ALIASES) or b"").decode(errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def custom_maps(layout: Layout) -> Look:
    """Maps of the site's own and passwords for relays, beside those that the core writes."""

    def look(pair: Pair) -> Iterator[Finding]:
        there, here = (_names(host, _POSTFIX) for host in (pair.source, pair.target))
        part = layout.configuration
        named = {f"{path}-flat" for path in part.maps}
        own = sorted(
            name
            for name in there - here
            for path in (f"{_POSTFIX}/{name}",)
            if path not in named and not any(fnmatchcase(path, each) for each in part.own)
        )
        if own:
            yield Finding(
                "trap-custom-maps",
                "notes",
                "source",
                f"{len(own)} files of {_POSTFIX} that the page doesn't name: {_some(own)}",
                "Postfix would defer all mail that needs a map which isn't there.",
                "nothing to do: the step configuration brings them and indexes the maps",
            )

    return look


def _entries(host: Host, paths: tuple[str, ...]) -> Counter[str]:
    """How many entries lie directly in each of the folders that exist there and hold any."""
    folders = [path for path in paths if is_folder(host, path)]
    if not folders:
        return Counter()
    printed = host.read("find", *folders, "-mindepth", "1", "-maxdepth", "1", "-print0")
    return Counter(path.rpartition("/")[0] for path in printed.split("\0") if path)


def _names(host: Host, folder: str) -> set[str]:
    listed = ("-mindepth", "1", "-maxdepth", "1", "-type", "f", "-print0")
    printed = host.read("find", folder, *listed)
    return {path.rpartition("/")[2] for path in printed.split("\0") if path}


def _told(counted: Counter[str]) -> str:
    return ", ".join(f"{path} (entries: {number:,})" for path, number in sorted(counted.items()))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
