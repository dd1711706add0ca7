"""The target's door: closed to clients until the copy was proved, also across a reboot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from transhume.core.change import (
    Back,
    Carry,
    Change,
    Never,
    Place,
    RemoveFile,
    Run,
    Series,
    WriteFile,
    leaves,
)
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.step import Phase, Step
from transhume.steps.services import mail_held

UNIT = "transhume-closed.service"
UNITS = "/etc/systemd/system"
_UNIT_FILE = f"{UNITS}/{UNIT}"
_RULES_FILE = "/etc/transhume/closed.nft"

_RELOAD = ("systemctl", "daemon-reload")
_UNIT = f"""\
# Written by transhume: the service ports stay closed until the move is proved.
[Unit]
Description=Closed to clients while a server is moved here
DefaultDependencies=no
After=local-fs.target
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {_RULES_FILE}
ExecStop=/usr/sbin/nft delete table inet transhume

[Install]
WantedBy=multi-user.target
"""

# The one inside is removed with its last link.
_DURABLE = (
    'for d in "$1" "$1/multi-user.target.wants"; do test ! -d "$d" || sync "$d" || exit; done'
)


# A mail server that is refused puts its message off for minutes (Postfix: minimal_backoff_time,
# 300 s). Unanswered, it asks again by itself 1, 3 and 7 s later (tcp_syn_retries in tcp(7)): the
# message comes as soon as the door is open, and nobody takes it before.
UNANSWERED = "tcp dport 25 tcp flags & (fin|syn|rst|ack) == syn drop"


@dataclass(frozen=True)
class Ports:
    """TCP ports of a server: people come in at its own, and its `inner` parts meet at others."""

    people: tuple[int, ...]
    inner: tuple[int, ...]


def rules(ports: Ports) -> str:
    """nftables rules that let nobody in from outside, and the server's parts reach no other one.

    People's programs are refused, at once informed; mail servers wait. A core that runs where the
    server's address isn't, as on a target that gave it up, would drive the node of whoever has it.
    """
    people, inner = (", ".join(map(str, each)) for each in (ports.people, ports.inner))
    return (
        "table inet transhume\n"
        "delete table inet transhume\n"
        "table inet transhume {\n"
        "    chain input {\n"
        "        type filter hook input priority -10; policy accept;\n"
        '        iifname "lo" accept\n'
        f"        {UNANSWERED}\n"
        f"        tcp dport {{ {people} }} reject with tcp reset\n"
        "    }\n"
        "    chain output {\n"
        "        type filter hook output priority -10; policy accept;\n"
        f'        oifname != "lo" tcp dport {{ {inner} }} reject with tcp reset\n'
        "    }\n"
        "}\n"
    )


def _active(host: Host) -> bool:
    return host.ask("systemctl", "is-active", "--quiet", UNIT).status == 0


def closing(host: Host, ports: Ports) -> Iterator[Change]:
    """What closes the door of a machine for good; nothing where it is closed."""
    place = host.place
    for path, text in ((_RULES_FILE, rules(ports)), (_UNIT_FILE, _UNIT)):
        if host.file(path) != text.encode():
            write = WriteFile(place, path, text.encode())
            yield Change(f"write {path}", write, RemoveFile(place, path))
    if not _active(host):
        enable = Run(place, ("systemctl", "enable", "--no-reload", UNIT))
        start = Run(place, ("systemctl", "start", UNIT))
        yield Change("close the door", Series((enable, Run(place, _RELOAD), start)), opened(place))


def reloads(changes: Iterable[Change]) -> bool:
    """Whether one of these changes lets systemd read all units anew."""
    acts = (act for change in changes for act in leaves(change.act))
    return any(isinstance(act, Run) and act.argv == _RELOAD for act in acts)


def ajar(host: Host) -> Iterator[Finding]:
    """A finding where people could come in."""
    if host.ask("nft", "list", "table", "inet", "transhume").status != 0:
        yield Finding("door-open", "blocks", host.place, "the service ports aren't closed")


@dataclass(frozen=True)
class Close(Step):
    """Nobody but this machine itself reaches the target's services, and these only each other."""

    ports: Ports
    key = "close"
    title = "close the target to clients"
    why = "A client that reaches a half-ready server loses track of its mail."
    phase: ClassVar[Phase] = "prepare"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from closing(pair.target, self.ports)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        yield from ajar(pair.target)


def opened(place: Place) -> Series:
    """Open the door; nothing happens when it isn't closed."""
    # 5 and 1 are what systemctl says of a unit that isn't there any more.
    stop = Run(place, ("systemctl", "stop", UNIT), ok=(0, 5))
    # What is on disk counts at a reboot. To read all units anew takes systemd its time.
    disable = Run(place, ("systemctl", "disable", "--no-reload", UNIT), ok=(0, 1))
    # The services' masks, too: after a power cut people must find what the journal says they do.
    durable = Run(place, ("sh", "-c", _DURABLE, "durable", UNITS))
    return Series((stop, disable, durable))


@dataclass(frozen=True)
class Open(Step):
    """People come in: from here on the target holds what nobody else has."""

    mail: str
    hindrance: Callable[[Pair], str] = lambda pair: "nothing notes it"
    """Why what people do from here on couldn't be carried back; empty when it can be."""
    key = "open"
    title = "open the target"
    why = "Everything was proved; whoever was turned away comes back by themselves."
    phase = "after"
    account = "start"
    usual = (0.1, 1.0)
    service = "up"

    def run(self, pair: Pair) -> Iterator[Change]:
        served = self._back(self.hindrance(pair))
        if pair.target.ask("systemctl", "is-active", "--quiet", self.mail).status != 0:
            yield Change("start mail", mail_held(self.mail), served)
        yield Change("open the door", opened("target"), served)

    def _back(self, hindrance: str) -> Back:
        if hindrance:
            lost = "queued mail leaves and people write on the target from here on"
            return Never(f"{lost}, which can't be carried back: {hindrance}")
        return Carry("what people do on the target is noted, until transhume finish")

    def verify(self, pair: Pair) -> Iterator[Finding]:
        if _active(pair.target):
            yield Finding("door-closed", "blocks", "target", "the service ports are still closed")
        if pair.target.ask("systemctl", "is-active", "--quiet", self.mail).status != 0:
            yield Finding("mail-stopped", "blocks", "target", f"{self.mail} isn't running")


@dataclass(frozen=True)
class Tidy(Step):
    """What was put on the target for the move alone is removed."""

    folders: tuple[str, ...]
    key = "tidy"
    title = "remove what was only there for the move"
    why = "The dumps hold all mail's headers; nothing of the move is needed any more."
    phase = "finish"

    def run(self, pair: Pair) -> Iterator[Change]:
        gone = Never("the move is over; the source stays fenced and keeps its data")
        for path in (_RULES_FILE, _UNIT_FILE):
            yield Change(f"remove {path}", RemoveFile("target", path), gone)
        yield Change("forget the unit", Run("target", ("systemctl", "daemon-reload")), gone)
        for folder in self.folders:
            yield Change(f"remove {folder}", Run("target", ("rm", "-rf", "--", folder)), gone)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for path in (_RULES_FILE, _UNIT_FILE, *self.folders):
            if pair.target.ask("test", "-e", path).status == 0:
                yield Finding("left-over", "blocks", "target", f"{path} is still there")
