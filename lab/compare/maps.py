"""Asks Postfix's own postmap whether the routing tables answer what their texts say."""

from __future__ import annotations

from collections.abc import Iterator

from lab.machine import Machine

NAMES = (
    "virtual_domains",
    "virtual_mailbox",
    "virtual_alias",
    "transport",
    "master_relay_transport",
)
_ASKED = 20
Table = dict[str, str]


def parse(text: str) -> Table:
    """Read what both a -flat file and `postmap -s` look like: key, white space, value."""
    pairs = (line.split(None, 1) for line in text.splitlines() if line.strip())
    return {pair[0]: pair[1].strip() if len(pair) > 1 else "" for pair in pairs}


def texts(machine: Machine) -> dict[str, Table]:
    return {
        name: parse(machine.exec(["cat", f"/etc/postfix/{name}-flat"]).stdout) for name in NAMES
    }


def _kind(machine: Machine) -> str:
    value = machine.exec(["postconf", "-h", "virtual_mailbox_maps"]).stdout
    return value.partition(":")[0].strip()


def wrong(machine: Machine, wanted: dict[str, Table]) -> Iterator[str]:
    """Yield each table whose compiled form doesn't hold, or doesn't answer, what it should."""
    kind = _kind(machine)
    for name, table in wanted.items():
        where = f"{kind}:/etc/postfix/{name}"
        dump = machine.exec(["postmap", "-s", where], check=False)
        if parse(dump.stdout) != table:
            yield f"{name}: holds {len(parse(dump.stdout))} entries unlike the {len(table)} wanted"
        for key in list(table)[:_ASKED]:
            answer = machine.exec(["postmap", "-q", key, where], check=False).stdout.strip()
            if answer != table[key]:
                yield f"{name}: {key} gives {answer or 'nothing'!r}, not {table[key]!r}"
