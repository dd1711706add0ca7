"""What bears the name of a move on a machine: files, units, rules, processes, ties of databases."""

from __future__ import annotations

from lab.machine import Machine

# The program itself is no part of a move; its own folders are documented, not what is in them.
_OWN = ("/opt/transhume", "/usr/local/bin/transhume", "/etc/transhume", "/var/lib/transhume")
_LOOKS = {
    "file": "find / /run -xdev \\( {} \\) -prune -o -name '*transhume*' -print".format(
        " -o ".join(f"-path {path}" for path in (*_OWN, "/proc", "/sys"))
    ),
    "own file": "ls -A /etc/transhume /var/lib/transhume 2>/dev/null | grep -v '^$\\|:$'; true",
    "named in": "grep -rlI transhume /etc --exclude-dir=transhume; true",
    "unit": "systemctl list-units --all --plain --no-legend 'transhume*'; "
    "systemctl list-unit-files --plain --no-legend 'transhume*'",
    "rules": "nft list tables | grep transhume; true",
    "process": "pgrep -af 'transhume' | grep -v pgrep; true",
    "tie": 'cd /; ask() { runuser -u postgres -- psql -XAtc "$1" "$2"; }; '
    "ask 'select slot_name from pg_replication_slots' postgres; "
    "ask 'select subname from pg_subscription' postgres; "
    "for name in bj bj-data; do ask 'select pubname from pg_publication' $name; done",
    "key": "grep -s transhume /root/.ssh/authorized_keys; true",
}


def leftovers(machine: Machine) -> set[str]:
    """What was found, each by its kind."""
    found = set()
    for kind, look in _LOOKS.items():
        lines = machine.exec(("sh", "-c", look), check=False).stdout.splitlines()
        found |= {f"{kind} {line.strip()}" for line in lines if line.strip()}
    return found
