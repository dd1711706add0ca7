"""Writes a host's network settings as an admin would have, for one of four network managers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from lab.network import INTERFACE, WIRE, Address
from lab.shell import LabError, run

Manager = Literal["networkd", "ifupdown", "netplan", "NetworkManager"]
MANAGERS: tuple[Manager, ...] = get_args(Manager)

GATEWAY = WIRE.ipv4
GATEWAY6 = WIRE.ipv6

LOOPBACK = """\
# Managed by hand. Tell the mail team before you touch this file.
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback
"""

IFUPDOWN = """
# The address that MX and SPF name.
auto {card}
iface {card} inet static
    address {v4}
    gateway {gateway}
    dns-nameservers {gateway}
    mtu 1500

iface {card} inet6 static
    address {v6}
    gateway {gateway6}
"""

NETWORKD = """\
# Managed by hand. Tell the mail team before you touch this file.
[Match]
Name={card}

[Link]
MTUBytes=1500

[Network]
# The address that MX and SPF name.
Address={v4}
Address={v6}
Gateway={gateway}
Gateway={gateway6}
DNS={gateway}
IPv6AcceptRA=no
"""

NETPLAN = """\
# Managed by hand. Tell the mail team before you touch this file.
network:
  version: 2
  renderer: networkd
  ethernets:
    {card}:
      mtu: 1500
      accept-ra: false
      # The address that MX and SPF name.
      addresses:
        - {v4}
        - "{v6}"
      routes:
        - to: 0.0.0.0/0
          via: {gateway}
        - to: "::/0"
          via: "{gateway6}"
      nameservers:
        addresses: [{gateway}]
"""

NETWORK_MANAGER = """\
# Managed by hand. Tell the mail team before you touch this file.
[connection]
id={card}
uuid=6f1c9f0e-5d9a-4f57-9d0b-3f3f3a5f2c10
type=ethernet
interface-name={card}
autoconnect=true

[ethernet]
mtu=1500

# The address that MX and SPF name.
[ipv4]
method=manual
address1={v4},{gateway}
dns={gateway};

[ipv6]
method=manual
address1={v6},{gateway6}
"""

# Where the kernel's own name for a card is taken for a veth, NetworkManager leaves it alone.
NETWORK_MANAGER_DEVICES = """\
[device-{card}]
match-device=interface-name:{card}
managed=1
"""

INTERFACES = "etc/network/interfaces"
NETWORKD_FILE = f"etc/systemd/network/10-{INTERFACE}.network"
NETPLAN_FILE = f"etc/netplan/01-{INTERFACE}.yaml"
CONNECTION = f"etc/NetworkManager/system-connections/{INTERFACE}.nmconnection"
DEVICES = f"etc/NetworkManager/conf.d/{INTERFACE}.conf"

# Only the owner may read them: NetworkManager refuses other files, netplan complains of them.
PRIVATE = {CONNECTION, NETPLAN_FILE}

NETWORKD_UNITS = (
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-networkd-wait-online.service",
)
# The first is what is enabled; the waiting ones of idle managers would hold the boot for a minute.
UNITS: dict[Manager, tuple[str, ...]] = {
    "ifupdown": ("networking.service",),
    "networkd": NETWORKD_UNITS,
    "netplan": NETWORKD_UNITS,
    "NetworkManager": ("NetworkManager.service", "NetworkManager-wait-online.service"),
}


def manager(text: str) -> Manager:
    for known in MANAGERS:
        if text.lower() == known.lower():
            return known
    raise LabError(f"{text!r} is no network manager of the lab: {', '.join(MANAGERS)}")


def files(chosen: Manager, address: Address) -> dict[str, str]:
    """The files under the root, by path, that this manager reads."""

    def fill(text: str) -> str:
        return text.format(
            card=INTERFACE, v4=address.v4, v6=address.v6, gateway=GATEWAY, gateway6=GATEWAY6
        )

    if chosen == "ifupdown":
        return {INTERFACES: LOOPBACK + fill(IFUPDOWN)}
    return {INTERFACES: LOOPBACK} | {
        "networkd": {NETWORKD_FILE: fill(NETWORKD)},
        "netplan": {NETPLAN_FILE: fill(NETPLAN)},
        "NetworkManager": {
            CONNECTION: fill(NETWORK_MANAGER),
            DEVICES: fill(NETWORK_MANAGER_DEVICES),
        },
    }[chosen]


def configure(root: Path, chosen: Manager, address: Address) -> None:
    """Leaves exactly one manager in charge of the machine whose disk is mounted at root."""
    for stale in (NETWORKD_FILE, NETPLAN_FILE, CONNECTION, DEVICES):
        (root / stale).unlink(missing_ok=True)
    for path, text in files(chosen, address).items():
        _write(root / path, text, 0o600 if path in PRIVATE else 0o644)
    # Units have their links made offline: systemctl needs no running system for that.
    offline = ["systemctl", f"--root={root}", "--quiet"]
    every = sorted({unit for units in UNITS.values() for unit in units})
    run([*offline, "unmask", *every])
    run([*offline, "mask", *(unit for unit in every if unit not in UNITS[chosen])])
    run([*offline, "enable", UNITS[chosen][0]])


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
