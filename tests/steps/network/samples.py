"""Network configurations as they are found on real machines, and hostile ones."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface, ip_interface

DEVICE = "ens3"
SERVICE = ip_interface("192.0.2.10/24")
SERVICE6 = ip_interface("2001:db8::10/64")
SPARE = ip_interface("192.0.2.11/24")
SPARE6 = ip_interface("2001:db8::11/64")
# One is the beginning of the other: comparing text would mix them up.
SHORT = ip_interface("192.0.2.1/24")


def addresses(*texts: str) -> list[IPv4Interface | IPv6Interface]:
    """Addresses with their prefix lengths."""
    return [ip_interface(text) for text in texts]


INTERFACES = "/etc/network/interfaces"
IFUPDOWN = b"""\
# 192.0.2.10 belongs to the mail server: don't touch.
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

# the public address 192.0.2.10/24
allow-hotplug ens3
iface ens3 inet static
\taddress 192.0.2.10/24
\tgateway 192.0.2.1
\t# was 192.0.2.100 before
\tdns-nameservers 192.0.2.10 192.0.2.53
\tdns-search example.org

iface ens3 inet6 static
\taddress 2001:db8::10/64
\tgateway 2001:db8::1
"""
IFUPDOWN_MASK = b"""\
auto ens3
iface ens3 inet static
    address 192.0.2.10
    netmask 255.255.255.0
    network 192.0.2.0
    broadcast 192.0.2.255
    gateway 192.0.2.1
iface ens3 inet6 static
    address 2001:0DB8:0:0::0010
    netmask 64"""
IFUPDOWN_LABEL = b"""\
auto ens3 ens3:1
iface ens3 inet static
    address 192.0.2.5/24
    gateway 192.0.2.1
iface ens3:1 inet static
    address 192.0.2.10
    netmask 255.255.255.0

iface ens4 inet static
    address 192.0.2.10/24
"""

NETWORK = "/etc/systemd/network/10-ens3.network"
NETWORKD = b"""\
# 192.0.2.10 belongs to the mail server
[Match]
Name=ens3

[Network]
; Address=192.0.2.10/24
Address=192.0.2.100/24
Address = 192.0.2.10/24
Address=2001:DB8:0::0010/64
Gateway=192.0.2.1
Gateway=2001:db8::1
DNS=192.0.2.10 192.0.2.53
"""
NETWORKD_SECTIONS = b"""\
[Match]
MACAddress=02:00:00:00:00:10

[Network]
DHCP=no

[Address]
Address=192.0.2.10/24
# a comment that stays
Label=ens3:mail
AddPrefixRoute=no

[Address]
Address=192.0.2.1/24

[Route]
Destination=198.51.100.0/24
Gateway=192.0.2.254
"""

PLAN = "/etc/netplan/50-cloud-init.yaml"
OWN_PLAN = "/etc/netplan/90-transhume.yaml"
NETPLAN = b"""\
# This file holds 192.0.2.10/24
network:
    version: 2
    ethernets:
        ens3:
            addresses:
            - 192.0.2.10/24   # the mail server
            - 192.0.2.100/24
            - "2001:db8:0::10/64":
                label: mail
                lifetime: 0
            - '2001:db8::100/64'
            nameservers:
                addresses: [192.0.2.10, 192.0.2.53]
                search:
                - example.org
            routes:
            -   to: default
                via: 192.0.2.1
            - {to: "::/0", via: "2001:db8::1", on-link: true}
        ens4:
            addresses: [192.0.2.10/25]
            dhcp4: true
"""
NETPLAN_FLOW = b"""\
network:
  version: 2
  ethernets:
    mail:
      match: {macaddress: "02:00:00:00:00:10"}
      set-name: "ens3"
      addresses: [ "192.0.2.10/24", 192.0.2.1/24,2001:db8::10/64 ]  # all of them
      gateway4: 192.0.2.254
"""

PROFILE = "/etc/NetworkManager/system-connections/mail.nmconnection"
KEYFILE = b"""\
[connection]
id=Wired 192.0.2.10
uuid=6f1c9f0e-5d9a-4f57-9d0b-3f3f3a5f2c10
type=ethernet
interface-name=ens3

[ipv4]
# address1=192.0.2.10/24
address1=192.0.2.10/24,192.0.2.1
address2=192.0.2.100/24
dns=192.0.2.10;192.0.2.53;
method=manual

[ipv6]
addr-gen-mode=eui64
address1=2001:DB8::0010/64
gateway=2001:db8::1
method=manual
"""
