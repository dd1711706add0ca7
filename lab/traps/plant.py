"""Puts on both machines what the traps need to be there."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath

from lab import network
from lab.machine import Machine
from lab.pair import Pair
from lab.shell import wait_until
from lab.standin.machine.fill_rows import LEGACY_ZONES
from lab.traps import looks

# Another machine of the site, and the new server itself: without it the firewall of the old one
# would keep the new core out.
_FRIENDS = f"198.51.100.7 {network.TARGET.ipv4}"
_LDAP = {
    "/var/lib/ldap/data.mdb": "the directory\n",
    "/etc/ldap/slapd.d/cn=config.ldif": "dn: cn=config\n",
}
BACKUPS = "/var/backups/bluemind"
_BACKUP_FILE = f"{BACKUPS}/dp_spool/rsync/{network.SERVICE.ipv4}/last"
_JOB = "insert into t_job_execution (job_id, domain_uid, started, status) values "
_RUNNING = _JOB + "('DataProtect', 'global.virt', now(), 'IN_PROGRESS');"
_ENDED = (
    "update t_job_execution set status = 'SUCCESS', finished = now() "
    "where job_id = 'DataProtect' and status = 'IN_PROGRESS';"
)
_MESSAGE = "From: admin@example.org\nTo: {to}\nMessage-ID: <{marker}>\nSubject: held\n\nwaiting\n"
_ADDRESS = "user1@example.org"


def plant(pair: Pair) -> str:
    """Everything that years, and a careless wizard, may have left; returns the held mail's marker.

    The rest was there before: what `fill` made, and what the stand-in does by itself.
    """
    _source(pair.source)
    pair.target.exec(("touch", "/etc/bm/bm-pimp.disabled"))
    pair.target.exec(("systemctl", "stop", "bm-pimp.service"))
    return _hold(pair.source)


def _source(source: Machine) -> None:
    source.exec(("bm-cli", "sysconf", "set", "fwAdditionalIPs", _FRIENDS))
    for path, text in (*_LDAP.items(), (_BACKUP_FILE, "kept\n")):
        folder = str(PurePosixPath(path).parent)
        source.exec(("sh", "-c", f"mkdir -p '{folder}' && cat > '{path}'"), stdin=text)
    rule = "host all monitoring 198.51.100.0/24 scram-sha-256"
    source.exec(("sh", "-c", f"echo '{rule}' | tee -a /etc/postgresql/*/main/pg_hba.conf"))
    looks.sql(source, "postgres", "select pg_reload_conf();")
    source.exec(("sh", "-c", "postconf -F smtp/inet/chroot=y && postfix reload"))
    looks.sql(source, "bj", _RUNNING)


def _hold(source: Machine) -> str:
    """One message to somebody here that waits in the queue until somebody lets it go."""
    marker = f"held-{uuid.uuid4().hex}@traffic.lab"
    source.exec(("sh", "-c", "postconf -e defer_transports=lmtp && postfix reload"))
    text = _MESSAGE.format(to=_ADDRESS, marker=marker)
    source.exec(("sendmail", "-f", "admin@example.org", _ADDRESS), stdin=text)
    listed = f"postqueue -j | grep -F {_ADDRESS} | grep -F '\"deferred\"'"
    wait_until(lambda: bool(looks.lines(source, listed)), "a message to be queued", 30)
    name = 'sed -E \'s/.*"queue_id": "([^"]+)".*/\\1/\''
    source.exec(("sh", "-c", f"{listed} | {name} | postsuper -h -"))
    source.exec(("sh", "-c", "postconf -X defer_transports && postfix reload"))
    return marker


# --- what an admin does about it


def end_the_backup(source: Machine) -> None:
    looks.sql(source, "bj", _ENDED)


def bring_legacy_zones(pair: Pair) -> None:
    """What the package tzdata-legacy brings: the machines have no way to a mirror."""
    zones = "/usr/share/zoneinfo"
    for name in LEGACY_ZONES:
        packed = pair.source.exec(("base64", f"{zones}/{name}")).stdout
        script = f"mkdir -p \"$(dirname '{zones}/{name}')\" && base64 -d > '{zones}/{name}'"
        pair.target.exec(("sh", "-c", script), stdin=packed)
    pair.target.exec(("systemctl", "restart", "postgresql@*-main.service"))
