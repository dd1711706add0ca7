"""The stand-in for bm-cli: exit 0 when done, 1 when it failed, 51 when it was called wrongly."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from . import settings
from .identity import ELASTICSEARCH

_USAGE = 51


class Failed(Exception):
    """The core refused, failed or could not be reached."""


def call(verb: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{settings.CORE_PORT}{path}",
        method=verb,
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-BM-ApiKey": settings.token()},
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise Failed(error.read().decode()) from error
    except OSError as error:
        raise Failed(f"the core does not answer: {error}") from error
    return json.loads(text) if text else None


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def tick() -> None:
    task = call("POST", "/internal-api/tick/mgmt/_reconfigure")
    while task["state"] == "InProgress":
        time.sleep(0.1)
        task = call("GET", f"/api/tasks/{task['id']}")
    if task["state"] != "Success":
        raise Failed(task["lastLogEntry"])
    say("tick reconfigured")


def firewall() -> None:
    call("POST", "/internal-api/system/firewall/_updatefirewallrules")
    say("firewall rules updated")


def sysconf_list() -> None:
    for key, value in sorted(call("GET", "/api/configuration").items()):
        say(f"{key}: {value}")


def sysconf_get(key: str) -> None:
    say(call("GET", "/api/configuration").get(key, ""))


def sysconf_set(key: str, value: str) -> None:
    call("POST", "/api/configuration", {key: value})


def check_cluster() -> None:
    """The index cluster is named after mcast.id: one of the two without the other finds nothing."""
    wanted = f"cluster.name: bluemind-{(settings.ETC / 'mcast.id').read_text().strip()}"
    if wanted not in ELASTICSEARCH.read_text().splitlines():
        raise Failed("elasticsearch: the cluster's name is not that of /etc/bm/mcast.id")


def check() -> None:
    state = call("GET", "/api/system/installation/state")
    if state != "core.state.running":
        raise Failed(state)
    call("GET", "/internal-api/node/_status")
    check_cluster()
    say("core: OK\nnode: OK\ndatabases: OK")


def node() -> None:
    call("GET", "/internal-api/node/_status")
    say("bm-master: online")


def jobs(domain: str) -> None:
    told = call("GET", "/api/scheduledjobs/_job/DataProtect")
    for each in told["domainStatus"]:
        if each["domain"] == domain:
            say(f"{told['id']} {told['kind']} {each['status']}")


COMMANDS: dict[tuple[str, str], Any] = {
    ("tick", "reconfigure"): tick,
    ("maintenance", "update-fw"): firewall,
    ("sysconf", "list"): sysconf_list,
    ("sysconf", "get"): sysconf_get,
    ("sysconf", "set"): sysconf_set,
    ("check", "run"): check,
    ("node", "status"): node,
    ("job", "list"): jobs,
}


def main(arguments: list[str]) -> int:
    command = COMMANDS.get((arguments[0], arguments[1])) if len(arguments) > 1 else None
    values = arguments[2:]
    if command is None or len(values) != command.__code__.co_argcount:
        sys.stderr.write("usage: bm-cli " + " | ".join(" ".join(c) for c in COMMANDS) + "\n")
        return _USAGE
    try:
        command(*values)
    except Failed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
