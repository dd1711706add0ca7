"""Reads from a machine the files that its network manager reads for one device."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from functools import partial

from transhume.core.at_once import at_once
from transhume.core.host import Host
from transhume.errors import StepFailed
from transhume.steps.network import netplan, networkd, networkmanager
from transhume.steps.network.edit import Files, NotUnderstood, Text
from transhume.steps.network.ini import sections
from transhume.steps.network.links import index
from transhume.steps.network.stanza import MAIN

CLOUD = "/etc/cloud/cloud.cfg.d"
_DROP_INS = (networkd.FOLDER, "/run/systemd/network", "/usr/lib/systemd/network")


def ifupdown(host: Host, device: str) -> Files:
    """Everything below /etc/network that may be sourced."""
    # The scripts beside it (if-up.d and the like) name no address.
    return _files(host, (posixpath.dirname(MAIN),), 4, but="/if-")


def networkd_of(host: Host, device: str) -> Files:
    """The .network file that networkd chose for the device, and its drop-ins."""
    state = host.file(f"/run/systemd/netif/links/{index(host, device)}") or b""
    for line in state.decode(errors="surrogateescape").splitlines():
        key, _, path = line.partition("=")
        if key == "NETWORK_FILE" and path:
            return _network(host, path)
    raise NotUnderstood(f"networkd has no .network file for {device} on the {host.place}")


def _network(host: Host, path: str) -> Files:
    found = {path: host.file(path) or b""}
    folders = [f"{folder}/{posixpath.basename(path)}.d" for folder in reversed(_DROP_INS)]
    inner = _files(host, folders, 1)
    visible: dict[str, tuple[str, bytes]] = {}
    for folder in folders:
        within = {each: text for each, text in inner.items() if posixpath.dirname(each) == folder}
        visible.update({posixpath.basename(each): (each, text) for each, text in within.items()})
    drop_ins = (each for name, each in sorted(visible.items()) if name.endswith(".conf"))
    return {**found, **dict(drop_ins)}


def netplan_of(host: Host, device: str) -> Files:
    """All of netplan's files."""
    return _files(host, netplan.FOLDERS, 1, ending=".yaml")


def networkmanager_of(host: Host, device: str) -> Files:
    """The keyfile of the profile that is active on the device."""
    uuid = host.read("nmcli", "-g", "GENERAL.CON-UUID", "device", "show", device).strip()
    known = _files(host, (networkmanager.FOLDER,), 1)
    mine = {path: text for path, text in known.items() if uuid and uuid in _uuids(text)}
    if not mine:
        raise NotUnderstood(
            f"NetworkManager's profile for {device} on the {host.place} is no keyfile in "
            f"{networkmanager.FOLDER}",
            "make it one: nmcli connection migrate, or nmcli connection modify",
        )
    return mine


def cloud_leaves_network(host: Host) -> bool:
    """Whether cloud-init was told to leave the network's files alone."""
    if host.ask("test", "-e", f"{posixpath.dirname(CLOUD)}/cloud-init.disabled").status == 0:
        return True
    told = re.compile(rb"^\s*(network:\s*\{\s*)?config:\s*disabled", re.MULTILINE)
    return any(told.search(content) for content in _files(host, (CLOUD,), 1).values())


def _uuids(content: bytes) -> list[str]:
    known = sections(Text(content), continued=False)
    return [value for section in known for value in section.values("uuid")]


def _files(
    host: Host, folders: Sequence[str], depth: int, *, ending: str = "", but: str = "\0"
) -> dict[str, bytes]:
    """What these folders hold, so deep; a folder that isn't there holds nothing.

    Only files with such an ending are read, and none that has `but` in its path.
    """
    kinds = ("(", "-xtype", "f", "-o", "-xtype", "c", ")")
    output = host.ask("find", *folders, "-maxdepth", str(depth), *kinds)
    said = output.stderr.decode(errors="replace").splitlines()
    other = [line for line in said if "No such file" not in line]
    if output.status != 0 and (other or not said):
        raise StepFailed(f"the network's files on the {host.place} can't be listed: {other[:1]}")
    paths = (path for path in output.text.splitlines() if path.endswith(ending) and but not in path)
    found = sorted(paths)
    contents = at_once([partial(host.file, path) for path in found])
    return {path: content or b"" for path, content in zip(found, contents, strict=True)}
