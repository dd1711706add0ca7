"""`transhume init`: look at both machines, confirm the source, write the settings."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transhume.core import toml
from transhume.core.host import Host, Pair
from transhume.core.settings import Settings, SourceSettings
from transhume.engine.journal import FILE, read
from transhume.engine.state import fold
from transhume.errors import Blocked, Declined, JournalRefused, SettingsError
from transhume.profiles.bluemind.checks_installed import version

_MAILBOXES = "select count(*) from t_mailbox"


@dataclass(frozen=True)
class Facts:
    """What a person recognises a machine by."""

    place: str
    name: str
    system: str
    bluemind: str
    postgresql: str
    mailboxes: int | None


@dataclass(frozen=True)
class Addresses:
    """The source's device and addresses, the target's device on the way to it."""

    source_device: str
    service: tuple[str, ...]
    target_device: str


def fingerprint(host_key: str) -> str:
    """A public key as ssh-keygen -l shows it."""
    digest = hashlib.sha256(base64.b64decode(host_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def facts(host: Host) -> Facts:
    """Recognise one machine; what can't be known is told as such."""
    release = dict(
        line.split("=", 1) for line in _words(host, "/etc/os-release").split("\n") if "=" in line
    )
    name = release.get("NAME", "").strip('"').partition(" ")[0] or "?"
    system = f"{name} {_words(host, '/etc/debian_version')}".strip()
    return Facts(
        host.place,
        host.read("uname", "-n").strip(),
        system,
        version(host) or "none",
        *_databases(host),
    )


def _words(host: Host, path: str) -> str:
    return (host.file(path) or b"").decode(errors="replace").strip()


def _databases(host: Host) -> tuple[str, int | None]:
    try:
        shown = str(host.sql("postgres", "show server_version")[0][0]).split()[0]
        return shown, int(host.sql("bj", _MAILBOXES)[0][0])
    except Exception:  # noqa: BLE001 - a fresh target may have neither; check says what is missing
        return "?", None


def confirm(host_key: str, destination: str, expected: str | None, ask: Any) -> None:
    """A person compares the fingerprint, or gave the one to expect; Declined otherwise."""
    seen = fingerprint(host_key)
    if expected is not None:
        if expected.removeprefix("SHA256:") != seen.removeprefix("SHA256:"):
            raise Declined(
                f"{destination} shows the host key {seen}, not {expected}",
                state="Nothing was sent to it.",
                remedy="find out which machine answers under this name",
            )
        return
    if not ask("Is it the same?"):
        raise Declined(
            "the source's host key wasn't confirmed",
            state="Nothing was sent to it, nothing was written.",
            remedy="compare it on the source, then: transhume init … --host-key SHA256:…",
        )


def require_bluemind(found: Facts) -> None:
    """There must be something to move."""
    if found.bluemind == "none":
        raise Blocked(
            f"no BlueMind is installed on {found.name}",
            state="Nothing was touched.",
            remedy="name the machine that serves now: transhume init root@mail.example.org",
        )


def addresses(pair: Pair, hostname: str) -> Addresses:
    """The addresses that people use: all of the device that holds the one that ssh uses."""
    known = _resolved(hostname)
    for link in json.loads(pair.source.read("ip", "-j", "addr", "show")):
        held = [item for item in link["addr_info"] if item["scope"] == "global"]
        if known & {item["local"] for item in held}:
            listed = tuple(f"{item['local']}/{item['prefixlen']}" for item in held)
            route = json.loads(pair.target.read("ip", "-j", "route", "get", held[0]["local"]))
            return Addresses(link["ifname"], listed, str(route[0]["dev"]))
    raise SettingsError(
        f"no device of the source holds an address of {hostname}",
        state="Nothing was written.",
        remedy="give ssh the address that the machine itself holds",
    )


def _resolved(hostname: str) -> set[Any]:
    try:
        return {item[4][0] for item in socket.getaddrinfo(hostname, None)}
    except OSError as error:
        raise SettingsError(
            f"{hostname} has no address that this machine knows: {error.strerror}",
            state="Nothing was written.",
            remedy="give ssh the address that the machine itself holds",
        ) from None


def settings_text(
    source: SourceSettings, found: Addresses, maintenance: tuple[str, ...], state: str
) -> str:
    """The settings file, each key with what it is for."""

    def listed(values: tuple[str, ...]) -> str:
        return "[" + ", ".join(json.dumps(value) for value in values) + "]"

    return f"""\
# How this server moves. Written by transhume init; every key is described in docs/settings.md.
profile = "bluemind-5"

# Journal, dumps and what is replaced are kept here, readable by root only.
state = {json.dumps(state)}

# Further trees to move beside those of the profile.
trees = []

[source]
# As typed after ssh, and the host key that was confirmed: {fingerprint(source.host_key)}
ssh = {json.dumps(source.ssh)}
host_key = {json.dumps(source.host_key)}

[address]
# take: the target takes these addresses; script: a program of yours moves them;
# manual: you are asked to; none: the target keeps its own address, which stands in becomes.
how = "take"
service = {listed(found.service)}
source_device = {json.dumps(found.source_device)}
target_device = {json.dumps(found.target_device)}
# Free addresses over which the source stays reachable once it has given its own up.
maintenance = {listed(maintenance)}

[databases]
# Processes that copy the databases, shared among them by size; 0: one per core.
jobs = 0

[check]
# Keys of warnings that are known and accepted.
accept = []
"""


def with_prefix(maintenance: list[str], service: tuple[str, ...]) -> tuple[str, ...]:
    """Maintenance addresses with the prefix length of the service address of their kind."""
    lengths = {ipaddress.ip_interface(item).version: item.partition("/")[2] for item in service}
    found = []
    for item in maintenance:
        try:
            length = item.partition("/")[2] or lengths[ipaddress.ip_address(item).version]
            found.append(str(ipaddress.ip_interface(f"{item.partition('/')[0]}/{length}")))
        except (ValueError, KeyError):
            raise SettingsError(
                f"--maintenance {item} isn't an address of a kind that the source has",
                state="Nothing was written.",
            ) from None
    return tuple(found)


def write(path: Path, text: str, *, replace: bool) -> None:
    """Write the settings, readable by root only; an existing file is never replaced silently."""
    if path.exists() and not replace:
        raise SettingsError(
            f"{path} is there already",
            state="Nothing was written.",
            remedy="go on with it: transhume check; or write it anew: transhume init … --replace",
        )
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    # Editors that know TOML complete and check the keys by it.
    schema = json.dumps(Settings.model_json_schema(), indent=2)
    beside = path.with_suffix(".schema.json")
    beside.write_text(schema + "\n")
    text = f"#:schema ./{beside.name}\n{text}"
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text)
    part.chmod(0o600)
    part.replace(path)


def set_aside(folder: Path) -> None:
    """Keep the journal of an ended move under another name; refuse while a move is under way."""
    if not (folder / FILE).exists():
        return
    events, _ = read(folder)
    state = fold(events)
    if state.begun and not state.finished:
        raise JournalRefused(
            f"a move is under way (journal in {folder})",
            state="Nothing was touched.",
            remedy="go on: transhume sync; or end it first: transhume rollback, transhume finish",
        )
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    for file in folder.glob(f"{FILE}*"):
        file.rename(folder / f"{stamp}-{file.name}")
    if (folder / "kept").exists():
        (folder / "kept").rename(folder / f"{stamp}-kept")


def preliminary(destination: str, host_key: str, state: str) -> Settings:
    """Settings that are enough to look at both machines."""
    values = {"source": {"ssh": destination, "host_key": host_key}, "state": state}
    return toml.checked(Settings, values, "what was typed after init")
