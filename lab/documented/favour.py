"""Makes a pair one on which the page's own commands can succeed, for a fair comparison."""

from __future__ import annotations

from lab.machine import Machine
from lab.pair import Pair
from lab.shell import wait_until

PASSWORD = "bj"
_LIMIT = 120.0
_FILES = "/etc/bm/bm.ini /etc/bm-keycloak/keycloak.conf"
_ROLE = f"alter role bj password '{PASSWORD}'"
_USERS = "bm-core.service bm-keycloak.service telegraf.service"


def usual_password(pair: Pair) -> None:
    """Give the databases of both machines the password that the page takes for granted."""
    for machine in pair.machines:
        machine.exec(
            ("runuser", "-u", "postgres", "--", "psql", "-Xqc", _ROLE, "-d", "postgres"),
        )
        script = f"sed -i -E 's/^((db-)?password ?= ?).*/\\1{PASSWORD}/' {_FILES}"
        machine.exec(("sh", "-c", f"{script} && systemctl restart {_USERS}"))
    for machine in pair.machines:
        wait_until(lambda at=machine: _serves(at), f"{machine} to serve", _LIMIT)  # type: ignore[misc]


def without_sessions(machine: Machine) -> None:
    """Stop what holds a session on the databases: as long as it runs they can't be dropped."""
    machine.exec(("systemctl", "stop", "telegraf.service"))


def _serves(machine: Machine) -> bool:
    script = "curl -fsS http://127.0.0.1:8090/api/system/installation/state | grep -q running"
    return machine.exec(("sh", "-c", script), check=False).returncode == 0
