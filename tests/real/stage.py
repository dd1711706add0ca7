"""What the real tests look at, without the tool's own word, and how they disturb the machines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab import network
from lab.machine import Machine
from lab.pair import Pair
from lab.places import CHECKOUT, ROLES
from lab.scene import Scene
from lab.shell import wait_until
from lab.started import Started as Started
from lab.traffic.sender import events

SMALL: dict[str, Any] = {
    "partitions": "small",
    "messages": 300,
    "files": 40,
    "median_size": 4000,
}
SETTINGS = "/etc/transhume/move.toml"
STATE = "/var/lib/transhume"
PEOPLE = (network.SERVICE.ipv4, network.SERVICE.ipv6)
_SERVING = 120.0

# The tool's own settings are left out: some tests write them, others look at them by name.
_LOOKS = {
    "files": "find /etc /var/lib/bm-ca /usr/share/bm-elasticsearch/config -xdev "
    "! -path '/etc/postfix/prng*' ! -path '/etc/transhume*' "
    r"\( -type d -printf '%p %m %u\n' -o -printf '%p %y %m %u %s %T@ %l\n' \) | sort | cat -v",
    "mail": "find /var/spool/cyrus /var/spool/bm-hsm /var/spool/bm-docs /var/spool/bm-filehosting "
    r"-printf '%p %y %m %u %s %T@\n' | sort | cat -v",
    "addresses": "ip -o addr show scope global | awk '{print $2, $3, $4}' | sort",
    "routes": "ip route show; ip -6 route show default",
    "units": "systemctl list-unit-files --no-legend --plain | grep -v '^session-' | "
    "awk '{print $1, $2}' | sort",
    "active": "systemctl list-units --all --no-legend --plain 'bm-*' 'postfix*' 'postgresql*' "
    "bluemind.target | awk '{print $1, $3, $4}' | sort",
    "doors": "nft list tables",
    "databases": "runuser -u postgres -- psql -XAtc "
    "'select oid, datname from pg_database order by oid' postgres 2>&1; true",
    "stored": "runuser -u postgres -- psql -XAtc "
    "'select count(*), max(created) from t_message_body' bj-data 2>&1; true",
}


def typed(run: Scene, *words: str) -> subprocess.CompletedProcess[str]:
    """Type a transhume command where there is no terminal; its two outputs stay apart."""
    return run.pair.target.exec(("transhume", *words), check=False)


def refusal(done: subprocess.CompletedProcess[str], status: int) -> str:
    """The one message of a command that ended with this status, unwrapped; with a remedy."""
    assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr
    lines = done.stderr.splitlines()
    heads = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    assert heads == [0], done.stderr
    assert lines[0].startswith("transhume: "), done.stderr
    assert any(line.startswith("  Next: ") for line in lines), done.stderr
    return " ".join(done.stderr.split())


def blocking(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Key and place of each finding of `check --json` that forbids the move; each has a remedy."""
    refusal(done, 10)
    found = json.loads(done.stdout)["findings"]
    stopping = [each for each in found if each["severity"] == "blocks"]
    assert all(each["remedy"] and each["why"] for each in stopping), stopping
    return {each["key"]: each["where"] for each in stopping}


Seen = list[dict[str, list[str]]]
"""How both machines were, in all that a move alters."""


def look(machine: Machine, *names: str) -> dict[str, list[str]]:
    """How a machine is: files, mail, network, services, databases."""
    wanted = names or tuple(_LOOKS)
    printed = {name: machine.exec(("sh", "-c", _LOOKS[name])).stdout for name in wanted}
    return {name: text.splitlines() for name, text in printed.items()}


def look_at_both(pair: Pair, *names: str) -> Seen:
    """Both machines, at the same time."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda machine: look(machine, *names), pair.machines))


def changed(before: Seen, after: Seen) -> list[str]:
    """What isn't as it was, with the first lines of it."""
    return [
        f"{place} {name}: {sorted(set(lines) ^ set(later[name]))[:6]}"
        for place, earlier, later in zip(ROLES, before, after, strict=True)
        for name, lines in earlier.items()
        if lines != later[name]
    ]


@contextmanager
def untouched(pair: Pair, *names: str) -> Iterator[None]:
    """Both machines must be at the end as they were at the beginning."""
    before = look_at_both(pair, *names)
    yield
    assert changed(before, look_at_both(pair, *names)) == []


@contextmanager
def hidden(machine: Machine, path: str) -> Iterator[None]:
    """As if the file weren't there."""
    machine.exec(("mv", path, f"{path}.hidden"))
    try:
        yield
    finally:
        machine.exec(("mv", f"{path}.hidden", path))


@contextmanager
def edited(machine: Machine, path: str, script: str) -> Iterator[None]:
    """The file as a sed script leaves it."""
    machine.exec(("cp", "-a", path, f"{path}.before"))
    try:
        machine.exec(("sed", "-i", script, path))
        yield
    finally:
        machine.exec(("mv", f"{path}.before", path))


def sql(machine: Machine, database: str, query: str) -> str:
    """What PostgreSQL itself answers to its own superuser."""
    words = ("psql", "-XAt", "-v", "ON_ERROR_STOP=1", "-d", database)
    return machine.exec(("runuser", "-u", "postgres", "--", *words), stdin=query).stdout.strip()


def addresses(machine: Machine) -> set[str]:
    """The addresses that the machine holds, with their prefix lengths."""
    return {line.split()[2] for line in look(machine, "addresses")["addresses"]}


_PROBE = (
    "import sys; from lab.traffic.prober import PROBES, look; "
    "sys.exit(not all(look(name, sys.argv[1])['up'] for name in PROBES))"
)


def served(name: str, address: str) -> bool:
    """Whether mail, web and core answer at this address, asked from the wire."""
    argv = network.inside(name, "net", [sys.executable, "-c", _PROBE, address])
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True).returncode == 0


def wait_served(name: str) -> None:
    """Until people are served at both service addresses."""
    for address in PEOPLE:
        wait_until(lambda at=address: served(name, at), f"{address} to serve", _SERVING)  # type: ignore[misc]


def refused(name: str, address: str, port: int) -> bool:
    """Whether a connection from the wire to this port is turned away at once."""
    return "ConnectionRefusedError" in _connected(name, address, port, 5)


def waits(name: str, address: str, port: int) -> bool:
    """Whether a connection from the wire to this port is neither taken nor turned away."""
    return "TimeoutError" in _connected(name, address, port, 1)


def _connected(name: str, address: str, port: int, limit: int) -> str:
    """What comes of it in so many seconds; empty when it was taken."""
    script = (
        "import socket, sys; a, p, t = sys.argv[1:]; socket.create_connection((a, int(p)), int(t))"
    )
    words = [sys.executable, "-c", script, address, str(port), str(limit)]
    argv = network.inside(name, "net", words)
    return subprocess.run(argv, capture_output=True, text=True, check=False).stderr


def turned_away(sent: Path) -> list[str]:
    """The attempts at which a mail server met a closed port: it would come back in minutes."""
    with sent.open() as file:
        answers = [str(event.get("answer")) for event in events(file)]
    assert any(answer.startswith("250") for answer in answers)
    return [answer for answer in answers if "ConnectionRefused" in answer]


_ON_ITS_WAY = "find /var/spool/bm-docs -name '.large*' -o -path '*.transhume-partial/*' | grep -q ."


@contextmanager
def slow_copy(run: Scene, number: int) -> Iterator[Path]:
    """A new large file on the source and a thin wire; gives the file's path."""
    path = Path(f"/var/spool/bm-docs/large{number}")
    run.pair.source.exec(("dd", "if=/dev/urandom", f"of={path}", "bs=1M", "count=12"))
    network.limit(run.pair.name, "source", "4mbit")
    try:
        yield path
    finally:
        network.limit(run.pair.name, "source", None)


def wait_copying(run: Scene, tool: Started) -> None:
    """Until the large file is on its way."""

    def copying() -> bool:
        assert tool.running(), tool.ended()
        return run.pair.target.exec(("sh", "-c", _ON_ITS_WAY), check=False).returncode == 0

    wait_until(copying, "the large file to be on its way", 120)
