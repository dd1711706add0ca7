"""How a server stands: what a rollback must give back exactly, without transhume's own word."""

from __future__ import annotations

from dataclasses import dataclass

from lab.machine import Machine
from lab.shell import wait_until

_SERVING = 90.0
_LOOKS = {
    "addresses": "ip -o addr show scope global | awk '{print $2, $3, $4}' | sort",
    "routes": "ip route show; ip -6 route show default",
    # A login that is just ending is none of the server's units.
    "units": "systemctl list-unit-files --no-legend --plain | grep -v '^session-' | "
    "awk '{print $1, $2}' | sort",
    "active": "systemctl list-units --all --no-legend --plain 'bm-*' 'postfix*' bluemind.target "
    "telegraf.service influxdb.service kapacitor.service chronograf.service | "
    "awk '{print $1, $3, $4}' | sort",
    "etc": "find /etc -xdev -type f ! -name '*.db' ! -path '/etc/postfix/prng*' "
    "-exec sha256sum {} + | sort -k 2",
    "firewall": "nft list ruleset 2>/dev/null | sed 's/counter packets [0-9]* bytes [0-9]*//'",
    "sysctl": "sysctl -a 2>/dev/null | grep -E 'promote_secondaries|ndisc_notify'",
    "replication": 'cd /; ask() { runuser -u postgres -- psql -XAtc "$1" "$2"; }; '
    "cat \"$(ask 'show data_directory' bj)/postgresql.auto.conf\"; "
    "ask 'select slot_name from pg_replication_slots' bj; for name in bj bj-data keycloak; do "
    "ask 'select pubname from pg_publication' $name; "
    "ask \"select '$name', relname, relreplident from pg_class where relkind = 'r' "
    "and oid >= 16384 and relreplident <> 'd' order by 2\" $name; done",
    "left behind": "ls -d /run/transhume* /var/lib/transhume* /etc/transhume* 2>/dev/null; true",
}


@dataclass(frozen=True)
class Standing:
    """What each look printed."""

    seen: dict[str, list[str]]

    def unlike(self, later: Standing, *but: str) -> list[str]:
        """Each look, but these, that prints something else now, with the first differing lines."""
        differing = []
        for name, lines in self.seen.items():
            if name in but:
                continue
            gone = [line for line in lines if line not in later.seen[name]]
            new = [line for line in later.seen[name] if line not in lines]
            if gone or new:
                differing.append(f"{name}: gone {gone[:3]}, new {new[:3]}")
        return differing


def standing(machine: Machine) -> Standing:
    """Look at a server that should serve; waits until its core says that it does."""
    wait_until(lambda: _serves(machine), f"{machine} to serve", _SERVING)
    return looked(machine)


def looked(machine: Machine) -> Standing:
    """Look at a server that may be off duty."""
    seen = {name: machine.exec(("sh", "-c", look)).stdout for name, look in _LOOKS.items()}
    return Standing({name: text.splitlines() for name, text in seen.items()})


def _serves(machine: Machine) -> bool:
    script = (
        "curl -fsS http://127.0.0.1:8090/api/system/installation/state | grep -q running && "
        "systemctl is-active -q postfix bm-nginx && "
        "printf 'QUIT\\r\\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/25; head -n1 <&3' | "
        "grep -q ^220"
    )
    return machine.exec(("sh", "-c", script), check=False).returncode == 0
