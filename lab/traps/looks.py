"""What is looked at on a machine, without the word of whoever moved it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from lab.compare import Side, databases, mail, observe
from lab.machine import Machine
from lab.shell import LabError, wait_until
from lab.traffic import downtime
from lab.traffic.sender import events

_BODIES = "/var/spool/cyrus/data/by_hash"
_RELEASE = 30.0
_INDEX = "bm-elasticsearch.service"


def lines(machine: Machine, script: str, *arguments: str) -> list[str]:
    """What a shell script prints there; it may end with any status."""
    argv = ("sh", "-c", script, "look", *arguments)
    return machine.exec(argv, check=False).stdout.splitlines()


def sql(machine: Machine, database: str, query: str) -> list[str]:
    return ["|".join(row) for row in databases.psql(machine, database, query)]


def now(machine: Machine) -> str:
    """Seconds since the epoch, by the machine's clock."""
    return machine.exec(("date", "+%s.%N")).stdout.strip()


def reference(machine: Machine) -> Side:
    """All that a server that serves holds; its search index rests meanwhile, or files vanish."""
    machine.exec(("systemctl", "stop", _INDEX))
    try:
        return observe(machine)
    finally:
        machine.exec(("systemctl", "start", _INDEX))


# --- mail and files


def bodies_since(machine: Machine, moment: str, reference: Side) -> list[str]:
    """Bodies that the source had had before, and that arrived after the moment."""
    found = lines(machine, f"find {_BODIES} -name '*.zst' -newerct @{moment}")
    return [path for path in found if path in reference.data]


def held(machine: Machine, marker: str) -> list[str]:
    """Release what is held in the queue; empty if the marked message is then delivered once."""
    machine.exec(("sh", "-c", "postsuper -H ALL; postqueue -f"))
    address = "@example.org"

    def settled() -> bool:
        waiting = machine.exec(("postqueue", "-j")).stdout
        entries = [json.loads(line) for line in waiting.splitlines()]
        return not any(
            each["address"].endswith(address) for entry in entries for each in entry["recipients"]
        )

    wait_until(settled, f"{machine}: what was held to be delivered", _RELEASE)
    copies = len(mail.stored(machine).get(marker, []))
    return [] if copies == 1 else [f"a message that was queued arrived {copies} times"]


def directory(machine: Machine) -> list[str]:
    """The files of the role bm-ldap-role, each with its digest."""
    return lines(machine, "find /var/lib/ldap /etc/ldap/slapd.d -type f -exec sha256sum {} +")


def shown(listed: list[str], secret: str) -> list[str]:
    """Command lines that hold the password; one that says where it is read holds none."""
    return [line for line in listed if f"PGPASSWORD={secret}" in line]


def dumps(machine: Machine) -> list[str]:
    """Fresh dumps of databases that anybody who may log in can read: path, bytes, mode."""
    test = 'test "$(head -c 5 "$1" | tr -d "\\0")" = PGDMP && stat -c "%n %s bytes %a" "$1"'
    find = "find /tmp /var/tmp /var/lib /root /srv /home -type f -readable -size +4k -mmin -30"
    return lines(machine, f"runuser -u nobody -- {find} -exec sh -c '{test}' look {{}} \\; 2>&-")


# --- databases


def rows_lost(reference: Side, machine: Machine) -> list[str]:
    """Each table that holds fewer rows than the source's."""
    return [
        f"{name} {table}: {rows.count} became {found.get(table, databases.Rows(0, '')).count}"
        for name, tables in reference.rows.items()
        if name in databases.names(machine)
        for found in [databases.rows(machine, name, None)]
        for table, rows in tables.items()
        if table not in found or found[table].count < rows.count
    ]


def running_backups(machine: Machine) -> list[str]:
    """Backups that are said to be running, by a server that doesn't run any."""
    return sql(
        machine,
        "bj",
        "select 'a backup begun at ' || started || ' never ended' from t_job_execution "
        "where job_id = 'DataProtect' and status = 'IN_PROGRESS';",
    )


def server_settings(machine: Machine) -> list[str]:
    """What the admin set in PostgreSQL's own files: settings, and who may log in from where."""
    return sql(
        machine,
        "postgres",
        "select name || ' = ' || setting from pg_file_settings "
        # What counts from the next restart on counts.
        "where sourcefile like '%.local' "
        "and (applied or error = 'setting could not be applied') "
        "union all select concat_ws(' ', type, database::text, user_name::text, address, "
        "auth_method) from pg_hba_file_rules "
        "where error is null and address not in ('127.0.0.1', '::1');",
    )


# --- services


def running(machine: Machine) -> list[str]:
    listed = (
        "systemctl list-units --plain --no-legend --state=active 'bm-*.service' postfix.service"
    )
    return lines(machine, f"{listed} | awk '{{print $1}}'")


def chroots(machine: Machine) -> list[str]:
    """Each service of Postfix with its chroot column."""
    return lines(machine, "postconf -F '*/*/chroot'")


def firewall(machine: Machine) -> list[str]:
    """The senders that the rules name."""
    return lines(machine, "grep -oE -- '-s [^ ]+' /etc/bm-iptables/rules.sh")


# The last two only list the others.
_FILLED_BY_POSTFIX = (
    "^[a-z_]+_cache_(map|database|name) =|^address_verify_map =|^proxy_(read|write)_maps ="
)


def closed_maps(machine: Machine) -> list[str]:
    """Indexed maps that the configuration names and that can't be opened."""
    script = (
        # Expanded, and with what nobody has set; what Postfix fills itself may not be there yet.
        f"postconf -x | grep -vE '{_FILLED_BY_POSTFIX}' | "
        "grep -oE '(hash|btree|lmdb|cdb):/[^ ,]+' | sort -u | while read -r map; do "
        'postmap -q nobody "$map" 2>&1 >&- | grep -q fatal && echo "$map can\'t be opened"; done'
    )
    return lines(machine, script)


def indexes(machine: Machine) -> list[str]:
    """Each indexed map with its digest."""
    return lines(machine, "sha256sum /etc/postfix/*.db /etc/postfix/*.lmdb 2>&-")


def written(machine: Machine) -> dict[str, str]:
    """When each of the core's maps was written."""
    found = lines(machine, "stat -c '%n %.9Y' /etc/postfix/*-flat")
    return {line.split()[0]: line.split()[1] for line in found}


# --- addresses


def places(machine: Machine, address: str) -> list[str]:
    """Where the machine's BlueMind names this address."""
    pattern = re.escape(address)
    folders = "/etc/bm /etc/bm-* /etc/postfix /etc/telegraf /etc/nginx /var/backups/bluemind"
    script = (
        f"grep -rIcE '(^|[^0-9.]){pattern}([^0-9.]|$)' {folders} | grep -v ':0$'; "
        f"find {folders} -name '{address}'"
    )
    tables = "t_server", "rc_users", "t_systemconf"
    counted = [
        f"select '{table}: ' || count(*) from {table} t where t::text ~ '{_alone(address)}' "
        "having count(*) > 0"
        for table in tables
    ]
    return lines(machine, script) + sql(machine, "bj", " union all ".join(counted) + ";")


def _alone(address: str) -> str:
    """A pattern for this address that doesn't match inside a longer one."""
    return rf"(?<![0-9.]){re.escape(address)}(?![0-9.])"


def awake(machine: Machine, address: str) -> list[str]:
    """What serves on a machine that was replaced, and whether it holds the service address."""
    serving = running(machine)
    holding = lines(machine, f"ip -o addr show | grep -oF {address}/")
    return [*serving, *(f"holds {each.rstrip('/')}" for each in holding)]


def early(log: Path) -> list[str]:
    """Times at which mail was let in while the core wasn't there, seen from outside."""
    with log.open() as file:
        seen = list(events(file))
    mails = [each for each in seen if each["service"] == "smtp" and each["up"]]
    # Only before a look that began later and found no core it is sure to have come too early.
    lacking = [each["time"] for each in seen if each["service"] == "core" and not each["up"]]
    return [
        f"mail was let in {last - each['time']:.1f} s before the core was there"
        for begin, end in downtime(log)["core"].intervals
        for last in [max((at for at in lacking if begin <= at <= end), default=begin)]
        for each in mails
        if begin < each["time"] and each["time"] + each["took"] < last
    ]


def must(found: list[str], what: str) -> list[str]:
    """A look that sees nothing where there must be something is broken, and proves nothing."""
    if not found:
        raise LabError(f"{what}: nothing was seen, though it was planted")
    return found
