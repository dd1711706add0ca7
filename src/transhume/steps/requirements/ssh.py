"""The way to the source: versions of OpenSSH, what its server allows, and ciphers of both."""

from __future__ import annotations

import re
from collections.abc import Iterator

from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.steps.requirements.programs import installing

_SOCKETS = (6, 7)
"""The first OpenSSH that forwards a Unix socket (https://www.openssh.com/txt/release-6.7)."""

_RACE = ((8, 5), (9, 7))
"""The versions with the signal race of CVE-2024-6387; distributions mend it without a new number
(https://www.openssh.com/txt/release-9.8)."""

_SESSIONS = 8
"""At once over one connection: a query, the copies, a wait, with some to spare."""


def openssh(pair: Pair) -> Iterator[Finding]:
    """Both OpenSSH must be able to carry the move; old ones are named with what is known."""
    for host in (pair.source, pair.target):
        found = _version(host)
        if found and found < _SOCKETS:
            yield Finding(
                "openssh-old",
                "blocks",
                host.place,
                f"OpenSSH {found[0]}.{found[1]}; forwarding sockets needs 6.7 or newer",
                "PostgreSQL and the core of the source are reached through such a socket.",
                installing(host, "openssh-server openssh-client"),
            )
        elif found and _RACE[0] <= found <= _RACE[1]:
            yield Finding(
                "openssh-race",
                "notes",
                host.place,
                f"OpenSSH {found[0]}.{found[1]} is of those with CVE-2024-6387",
                "Without its distribution's fix strangers could become root there.",
                "see that its security updates are installed",
            )


def _version(host: Host) -> tuple[int, int] | None:
    said = host.ask("ssh", "-V")
    match = re.search(rb"OpenSSH_(\d+)\.(\d+)", said.stderr + said.stdout)
    return (int(match[1]), int(match[2])) if match else None


def server(pair: Pair) -> Iterator[Finding]:
    """The source's sshd must allow the tunnel and several sessions at once."""
    told = _sshd(pair.source)
    refused = [
        name
        for name, wanted in (("allowtcpforwarding", ("yes", "local")), ("disableforwarding", "no"))
        if told.get(name) and told[name] not in wanted
    ]
    for name in refused:
        yield Finding(
            "ssh-forwarding",
            "blocks",
            "source",
            f"its sshd says {name} {told[name]}",
            "PostgreSQL and the core of the source are reached through ssh alone.",
            "in /etc/ssh/sshd_config: AllowTcpForwarding local; then systemctl reload ssh",
        )
    sessions = int(told.get("maxsessions") or _SESSIONS)
    if sessions < _SESSIONS:
        yield Finding(
            "ssh-sessions",
            "warns",
            "source",
            f"its sshd allows {sessions} sessions over one connection, the move wants {_SESSIONS}",
            "A copy and a question at the same time would be refused.",
            f"in /etc/ssh/sshd_config: MaxSessions {_SESSIONS}; then systemctl reload ssh",
        )


def ciphers(pair: Pair) -> Iterator[Finding]:
    """A cipher that both processors do in hardware moves mail twice as fast as the others."""
    if not all(_has_aes(host) for host in (pair.source, pair.target)):
        return
    offered = _sshd(pair.source).get("ciphers", "").split(",")
    known = pair.target.read("ssh", "-Q", "cipher").split()
    common = [name for name in offered if name in known]
    if not any(name.startswith(("aes128-gcm", "aes256-gcm")) for name in common):
        yield Finding(
            "cipher-slow",
            "warns",
            "both",
            f"no AES-GCM cipher in common, only {', '.join(common) or 'none'}",
            "Both processors encrypt AES in hardware: the copy would wait for the slower cipher.",
            "in the source's /etc/ssh/sshd_config: Ciphers +aes128-gcm@openssh.com; "
            "then systemctl reload ssh",
        )


def _has_aes(host: Host) -> bool:
    lines = (host.file("/proc/cpuinfo") or b"").splitlines()
    return any(b"aes" in line.split() for line in lines if line.startswith((b"flags", b"Features")))


def _sshd(host: Host) -> dict[str, str]:
    """What its server's settings come to."""
    lines = (line.partition(" ") for line in host.read("sshd", "-T").splitlines())
    return {key: value.strip() for key, _, value in lines}
