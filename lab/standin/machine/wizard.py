"""Does at once what installation and set-up wizard do on a new server."""

from __future__ import annotations

import argparse
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from . import databases, identity, maps, postfix, settings
from .db import DIRECTORY, Pool
from .identity import Site
from .state import Core

_TREES = {
    "/var/spool/cyrus": ("cyrus", "mail", 0o750),
    "/var/spool/bm-hsm": ("cyrus", "mail", 0o750),
    "/var/spool/bm-elasticsearch": ("elasticsearch", "elasticsearch", 0o750),
    "/var/spool/bm-docs": ("root", "root", 0o755),
    "/var/spool/bm-filehosting": ("root", "root", 0o755),
    "/var/spool/bm-hollowed": ("root", "root", 0o700),
    "/var/spool/bm-core": ("root", "root", 0o755),
    "/var/spool/bm-mapi": ("root", "root", 0o755),
    "/var/lib/influxdb": ("influxdb", "influxdb", 0o750),
}
_HEXADECIMAL = "0123456789abcdef"
_OTHERS = ("telegraf", "influxdb", "kapacitor", "chronograf", "bm-nginx", "postfix")


def systemctl(*arguments: str) -> None:
    subprocess.run(["systemctl", *arguments], check=True)


def own_address() -> str:
    """Return the first global IPv4 address of this machine."""
    shown = subprocess.run(
        ["ip", "-4", "-o", "addr", "show", "scope", "global"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.search(r"inet ([0-9.]+)/", shown)
    if found is None:
        raise SystemExit("setup-wizard: no IPv4 address yet; name it with --address")
    return found.group(1)


def make_trees() -> None:
    for path, (user, group, mode) in _TREES.items():
        Path(path).mkdir(parents=True, exist_ok=True)
        shutil.chown(path, user, group)
        Path(path).chmod(mode)
    for tier in (settings.LIVE_TIER, settings.ARCHIVE_TIER):
        for first in _HEXADECIMAL:
            for second in _HEXADECIMAL:
                (tier / first / second).mkdir(parents=True, exist_ok=True)
        _own(tier.parent, "cyrus")


def _own(top: Path, user: str) -> None:
    entry = pwd.getpwnam(user)
    for folder, _, _ in os.walk(top):
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def forget() -> None:
    """Take the last installation away, so that the wizard can run anew."""
    systemctl("stop", "bluemind.target", "bm-*.service", "telegraf.service")
    databases.drop()
    for folder in (settings.ETC, identity.CA, *map(Path, _TREES)):
        shutil.rmtree(folder, ignore_errors=True)


def set_up(site: Site, disabled: list[str]) -> None:
    make_trees()
    password = identity.write_all(site)
    databases.configure()
    databases.create(site, password)
    postfix.configure(site, socket.getfqdn() if "." in socket.getfqdn() else site.external_url)
    for service in disabled:
        identity.put(settings.ETC / f"{service}.disabled", "")
    identity.put(Path("/etc/bm-keycloak/keycloak.conf"), _keycloak(password), 0o640, "bluemind")


def _keycloak(password: str) -> str:
    url = f"jdbc:postgresql://localhost:5432/{databases.KEYCLOAK}"
    return f"db=postgres\ndb-url={url}\ndb-username=bj\ndb-password={password}\n"


def start() -> None:
    """Start all, then write once what the core writes on request later."""
    systemctl("start", "bluemind.target")
    systemctl("restart", *(f"{name}.service" for name in _OTHERS))
    maps.write(Pool(DIRECTORY, "setup-wizard"))
    core = Core()
    core.update_firewall()
    core.reconfigure_tick()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="setup-wizard", description=__doc__)
    parser.add_argument("--external-url", required=True)
    parser.add_argument("--address", help="this server's IPv4 address (default: found out)")
    parser.add_argument("--domain", default="example.org")
    parser.add_argument("--partitions", choices=("small", "full"), default="small")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier installation")
    parser.add_argument("--disable", action="append", default=[], metavar="SERVICE")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if settings.INI.exists():
        if not given.fresh:
            raise SystemExit("setup-wizard: already set up; --fresh begins anew")
        forget()
    address = given.address or own_address()
    set_up(Site(given.external_url, address, given.domain, given.partitions), given.disable)
    start()
    sys.stdout.write(f"set up as {given.external_url} on {address}\n")


if __name__ == "__main__":
    main()
