"""Who on the network answers for an address, and over which of its own the source is reached."""

from __future__ import annotations

from transhume.core.host import Host
from transhume.steps.network.edit import Ip, ip
from transhume.steps.network.links import shown_by

SOMEBODY = "a machine behind a router"


def holder(host: Host, device: str, address: Ip) -> str:
    """The card of the machine that answers for the address; empty when none does."""
    pong = host.ask("ping", "-n", "-c", "1", "-W", "1", str(address)).status == 0
    argv = ("ip", "-j", "neigh", "show", "to", str(address), "dev", device)
    for neighbour in shown_by(host, *argv):
        # Any other state is a memory; whoever drops pings still has to say where it is.
        if "REACHABLE" in neighbour.get("state", ()) or pong:
            return str(neighbour.get("lladdr", SOMEBODY))
    return SOMEBODY if pong else ""


def reached_at(source: Host) -> Ip | None:
    """The address of its own on which the source is being talked to; None when it can't say."""
    output = source.ask("printenv", "SSH_CONNECTION")
    words = output.text.split()
    return ip(words[2].partition("%")[0]) if output.status == 0 and len(words) == 4 else None


def listens(source: Host, address: Ip) -> bool:
    """Whether the source's sshd takes connections to the address."""
    lines = source.read("sshd", "-T").splitlines()
    bound = [line.split()[1] for line in lines if line.lower().startswith("listenaddress ")]
    return not bound or any(_covers(each, address) for each in bound)


def _covers(bound: str, address: Ip) -> bool:
    host = ip(bound.rpartition(":")[0].strip("[]"))
    if host is None:
        # A name: what it stands for is the admin's business.
        return True
    return host == address or (host.is_unspecified and host.version == address.version)
