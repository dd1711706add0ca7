"""Runs on a machine itself: says to whom an address belongs now, or asks whether it is taken.

    python3 - announce DEVICE ADDRESS...    gratuitous ARP, unsolicited neighbour advertisement
    python3 - mention DEVICE ADDRESS...     the same once, for who will say it again soon
    python3 - probe DEVICE ADDRESS...       exit 3 when another machine answers for one of them
    python3 - free DEVICE ADDRESS...        the same, and exit 4 when this machine is cut off

Standard library of Python 3.6 and up; sent through standard input, so nothing is installed.
"""

import fcntl
import ipaddress
import select
import socket
import struct
import sys
import time

ROUNDS = 3
TAKEN, ALONE = 3, 4  # not 1, which is what Python ends with when anything fails
PAUSE_SECONDS = 0.2
ARP = 0x0806
REQUEST, REPLY = 1, 2
NEIGHBOUR_ADVERTISEMENT = 136
# The receiver shall replace what it knows (RFC 4861, 4.4).
OVERRIDE = 0x20000000
TARGET_LINK_LAYER_ADDRESS = 2
ALL_NODES = "ff02::1"
EVERYONE = b"\xff" * 6
NOBODY = b"\0" * 6
FRAME = "!6s6sHHHBBH6s4s6s4s"
EMPTY = b"\0" * 4
GET_ADDRESS = 0x8915  # SIOCGIFADDR; netdevice(7)


def card(device: str) -> bytes:
    with open("/sys/class/net/" + device + "/address") as file:  # noqa: PTH123
        return bytes.fromhex(file.read().strip().replace(":", ""))


def frame(own: bytes, operation: int, sender: bytes, asked: bytes) -> bytes:
    """A broadcast ARP packet; `sender` is zero where one only asks (RFC 5227, 2.1.1)."""
    about = NOBODY if operation == REQUEST else own
    return struct.pack(
        FRAME, EVERYONE, own, ARP, 1, 0x0800, 6, 4, operation, own, sender, about, asked
    )


def say_v4(device: str, address: bytes) -> None:
    own = card(device)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP)) as wire:
        wire.bind((device, ARP))
        # Some machines learn from requests only, others from replies only.
        for operation in (REQUEST, REPLY):
            wire.send(frame(own, operation, address, address))


def say_v6(device: str, address: bytes) -> None:
    index = socket.if_nametoindex(device)
    text = socket.inet_ntop(socket.AF_INET6, address)
    option = struct.pack("!BB6s", TARGET_LINK_LAYER_ADDRESS, 1, card(device))
    header = struct.pack("!BBHI", NEIGHBOUR_ADVERTISEMENT, 0, 0, OVERRIDE)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as wire:
        # Receivers drop what may have passed a router.
        wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        wire.bind((text, 0, 0, index))
        wire.sendto(header + address + option, (ALL_NODES, 0, 0, index))


def mention(device: str, addresses: "list[bytes]") -> int:
    for address in addresses:
        (say_v4 if len(address) == 4 else say_v6)(device, address)
    return 0


def announce(device: str, addresses: "list[bytes]") -> int:
    for turn in range(ROUNDS):
        if turn:
            # Frames get lost, and a switch may still be learning.
            time.sleep(PAUSE_SECONDS)
        mention(device, addresses)
    return 0


def holder(device: str, addresses: "list[bytes]", sender: bytes = EMPTY) -> "tuple[bytes, bytes]":
    """The first of these IPv4 addresses that another machine answers for, and its card; both are
    empty when nobody does."""
    own = card(device)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP)) as wire:
        wire.bind((device, ARP))
        for _ in range(ROUNDS):
            for address in addresses:
                wire.send(frame(own, REQUEST, sender, address))
            end = time.monotonic() + PAUSE_SECONDS
            while select.select([wire], [], [], max(0.0, end - time.monotonic()))[0]:
                packet = wire.recv(2048).ljust(42, b"\0")[:42]
                fields = struct.unpack(FRAME, packet)
                if fields[7] == REPLY and fields[9] in addresses and fields[8] != own:
                    return bytes(fields[9]), bytes(fields[8])
    return b"", b""


def probe(device: str, addresses: "list[bytes]") -> int:
    """Of IPv6 the kernel itself makes sure before it uses an address."""
    four = [each for each in addresses if len(each) == 4]
    address, other = holder(device, four) if four else (b"", b"")
    if not other:
        return 0
    name = socket.inet_ntoa(address)
    by = ":".join("%02x" % byte for byte in other)  # noqa: UP031
    sys.stderr.write("%s is held by the machine with the card %s\n" % (name, by))  # noqa: UP031
    return TAKEN


def linked(device: str) -> bool:
    """Whether its cable is in, or what stands for one."""
    try:
        with open("/sys/class/net/" + device + "/carrier") as file:  # noqa: PTH123
            return file.read().strip() == "1"
    except OSError:  # It isn't up.
        return False


def own_address(device: str) -> bytes:
    """An IPv4 address that it has; not every gateway answers somebody without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asked = struct.pack("256s", device.encode()[:15])
        try:
            return fcntl.ioctl(asking, GET_ADDRESS, asked)[20:24]
        except OSError:
            return EMPTY


def known_routes() -> str:
    with open("/proc/net/route") as file:  # noqa: PTH123
        return file.read()


def gateways(device: str, routes: str) -> "list[bytes]":
    """The IPv4 gateways to everywhere through a device."""
    found = []
    for line in routes.splitlines()[1:]:
        name, where, gateway = line.split()[:3]
        if (name, where) == (device, "00000000") and int(gateway, 16):
            # As the machine has the number, not the network.
            found.append(struct.pack("=I", int(gateway, 16)))
    return found


def free(device: str, addresses: "list[bytes]") -> int:
    """Who is cut off hears nobody: that says nothing of who holds an address."""
    known, sender = gateways(device, known_routes()), own_address(device)
    if not linked(device) or (known and not holder(device, known, sender)[1]):
        sys.stderr.write("%s hears nobody, not even a gateway\n" % device)  # noqa: UP031
        return ALONE
    return probe(device, addresses)


def main(act: str, device: str, *addresses: str) -> int:
    packed = [ipaddress.ip_address(address).packed for address in addresses]
    acts = {"announce": announce, "mention": mention, "probe": probe, "free": free}
    return acts[act](device, packed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
