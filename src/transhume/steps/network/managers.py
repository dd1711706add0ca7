"""The network managers: which one a device has, and a durable change of what it reads."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from transhume.core.at_once import at_once
from transhume.core.change import Act, Change, Place, RemoveFile, Run, Series, WriteFile
from transhume.core.host import Host
from transhume.steps.network import ifupdown, netplan, networkd, networkmanager, reading
from transhume.steps.network.edit import (
    Edits,
    Files,
    Interface,
    Ip,
    NotUnderstood,
    applied,
    difference,
)
from transhume.steps.network.links import singly
from transhume.steps.network.stanza import stanzas

Edit = Callable[[Files, str, Iterable[Interface]], Edits]


@dataclass(frozen=True)
class Manager:
    """One way in which a machine's network is set up."""

    name: str
    read: Callable[[Host, str], Files]
    holds: Callable[[Files, str], frozenset[Ip]]
    add: Edit
    remove: Edit
    reload: Callable[[Place, str], tuple[Act, ...]]
    """What makes it take over changed files. A daemon that isn't told puts the former addresses
    back as soon as the cable was out."""
    mode: str = "0644"
    """The mode of a file that is added."""


def _networkctl(place: Place, device: str) -> tuple[Act, ...]:
    # It answers before it has begun; the second question is heard only after that.
    script = 'networkctl reload && networkctl status "$0" >/dev/null'
    return (Run(place, ("sh", "-c", script, device)),)


def _nmcli(place: Place, device: str) -> tuple[Act, ...]:
    return (
        # To put addresses in order it drops some, and doesn't see what the kernel drops with them.
        singly(place, device),
        Run(place, ("nmcli", "connection", "reload")),
        Run(place, ("nmcli", "device", "reapply", device)),
    )


def _generate(place: Place, device: str) -> tuple[Act, ...]:
    # Not `netplan apply`: that would also restart what has nothing to do with this device.
    script = (
        'netplan generate && if nmcli -g GENERAL.STATE device show "$0" 2>/dev/null '
        "| grep -qvw unmanaged; "
        'then nmcli connection reload && nmcli device reapply "$0"; '
        'else networkctl reload && networkctl status "$0" >/dev/null; fi'
    )
    return (singly(place, device), Run(place, ("sh", "-c", script, device)))


def _nothing(place: Place, device: str) -> tuple[Act, ...]:
    return ()


IFUPDOWN = Manager(
    "ifupdown", reading.ifupdown, ifupdown.holds, ifupdown.add, ifupdown.remove, _nothing
)
NETWORKD = Manager(
    "systemd-networkd",
    reading.networkd_of,
    networkd.holds,
    networkd.add,
    networkd.remove,
    _networkctl,
)
NETPLAN = Manager(
    "netplan",
    reading.netplan_of,
    netplan.holds,
    netplan.add,
    netplan.remove,
    _generate,
    mode="0600",
)
NETWORK_MANAGER = Manager(
    "NetworkManager",
    reading.networkmanager_of,
    networkmanager.holds,
    networkmanager.add,
    networkmanager.remove,
    _nmcli,
    mode="0600",
)


def manager_of(host: Host, device: str) -> tuple[Manager, Files]:
    """What manages the device, and what it reads; NotUnderstood when nothing known manages it, or
    more than one thing does."""
    # All at once: each question goes to the machine and back, and people wait for some of them.
    reads = (reading.netplan_of, reading.ifupdown)
    files, sourced = at_once([partial(read, host, device) for read in reads])
    if netplan.definitions(files, device):
        return NETPLAN, files
    found = list(_managing(host, device, sourced))
    if len(found) == 1:
        manager, known = found[0]
        return manager, manager.read(host, device) if known is None else known
    names = " and ".join(manager.name for manager, _ in found)
    raise NotUnderstood(
        f"{device} on the {host.place} is managed by {names}"
        if found
        else f"nothing known manages {device} on the {host.place}: neither netplan, "
        "NetworkManager, systemd-networkd nor ifupdown"
    )


_STATES = (
    ("NetworkManager.service", ("nmcli", "-g", "GENERAL.STATE", "device", "show")),
    ("systemd-networkd.service", ("networkctl", "list", "--no-legend", "--no-pager")),
)


def _managing(host: Host, device: str, sourced: Files) -> Iterator[tuple[Manager, Files | None]]:
    """Each manager, with its files where they had to be read to know."""
    managed = at_once([partial(_manages, host, device, *state) for state in _STATES])
    for manager, manages in zip((NETWORK_MANAGER, NETWORKD), managed, strict=True):
        if manages:
            yield manager, None
    if stanzas(sourced, device):
        yield IFUPDOWN, sourced


def _manages(host: Host, device: str, unit: str, state: tuple[str, ...]) -> bool:
    active = host.ask("systemctl", "is-active", "--quiet", unit).status == 0
    return active and not _unmanaged(host.ask(*state, device).text)


def _unmanaged(state: str) -> bool:
    return not state.strip() or "unmanaged" in state


def rewritten(
    host: Host, manager: Manager, device: str, edits: Edits, settled: Act, restored: Act
) -> Change | None:
    """The edits as one change, the manager told of it; None when there is nothing to write.

    Where the manager was told, `settled` waits for what it makes of it, `restored` for what it
    makes of the way back.
    """
    if not edits:
        return None
    written = [_write(host, path, content, manager.mode) for path, content in edits.items()]
    told = manager.reload(host.place, device)
    act = Series((*(each for each, _ in written), *told, *((settled,) if told else ())))
    undo = Series((*(back for _, back in written), *told, *((restored,) if told else ())))
    return Change(f"write {', '.join(edits)}", act, undo)


def _write(host: Host, path: str, content: bytes | None, mode: str) -> tuple[Act, Act]:
    if _written_anew(host, path):
        raise NotUnderstood(
            f"cloud-init writes {path} anew when the {host.place} starts",
            f"on the {host.place}, put `network: {{config: disabled}}` into "
            f"{reading.CLOUD}/99-disable-network-config.cfg",
        )
    former = host.file(path)
    owner = "root:root"
    if former is not None:
        kind, mode, owner = host.read("stat", "-c", "%F|%a|%U:%G", path).strip().split("|")
        if not kind.startswith("regular"):
            raise NotUnderstood(f"{path} on the {host.place} is a {kind}, not a file of its own")
    remove = RemoveFile(host.place, path)
    write = remove if content is None else WriteFile(host.place, path, content, mode, owner)
    return write, remove if former is None else WriteFile(host.place, path, former, mode, owner)


def _written_anew(host: Host, path: str) -> bool:
    return "cloud-init" in posixpath.basename(path) and not reading.cloud_leaves_network(host)


def with_added(
    manager: Manager, files: Files, device: str, addresses: Iterable[Interface]
) -> Files:
    """The files as they are once the addresses were added."""
    return applied(files, manager.add(files, device, addresses))


def exchanged(
    manager: Manager,
    files: Files,
    device: str,
    gone: Iterable[Interface],
    come: Iterable[Interface],
) -> Edits:
    """What leads to files without the one addresses and with the others."""
    after = with_added(manager, files, device, come)
    held = manager.holds(after, device)
    leaving = [address for address in gone if address.ip in held]
    return difference(files, applied(after, manager.remove(after, device, leaving)))
