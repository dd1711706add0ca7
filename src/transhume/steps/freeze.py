"""From here on nobody writes on the source: its services end, and can't come back by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Change, Keep, Place, RemoveFile, Run, Series, WriteFile
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.measured import Expected, Measured
from transhume.core.step import Step
from transhume.steps.door import UNANSWERED, Ports, ajar, closing, reloads
from transhume.steps.queue import SPOOL
from transhume.steps.requirements.programs import installing
from transhume.steps.services import (
    HoldTarget,
    Services,
    all_stopped,
    running,
    startable,
    started,
    still_running,
)

# Postfix ends its clients in the middle of a delivery: what a receiver has taken by then and hasn't
# confirmed yet would be delivered once more by the other machine. So nobody new is let in, until
# the door is closed, and what is under way arrives; a receiver that takes its time isn't waited for
# longer than this.
_TURNS, _TURN_SECONDS = 40, 0.05
# A table of its own: what iptables makes for a rule stays when the rule goes.
_TABLE = "inet transhume_freeze"
_RULES = f"""\
table {_TABLE} {{
    chain input {{
        type filter hook input priority -10; policy accept;
        iifname "lo" accept
        {UNANSWERED}
        tcp dport {{ 465, 587 }} tcp flags & (fin|syn|rst|ack) == syn reject with tcp reset
    }}
}}
"""
_LET_IN = f"nft delete table {_TABLE} 2>/dev/null; true\n"
# Without nft they aren't kept out, which is no reason to stop.
_KEEP_OUT = f"{_LET_IN}printf '%s' '{_RULES}' | nft -f - 2>/dev/null\n"
# Whoever delivers a message has its file open. What is tried at a receiver that can't be reached,
# as some of the deferred always is, can't arrive twice. One quiet look may fall between a message's
# arrival and its delivery.
_LAST_OF_IT = f"""\
{_KEEP_OUT}delivering() {{
    for open in $(find /proc/[0-9]*/fd -lname "$1/active/*" 2>/dev/null); do
        process=${{open%/fd/*}}
        case $(cat "$process/comm" 2>/dev/null) in
            smtp) ss -tnp state established | grep -q "pid=${{process#/proc/}}," && return 0 ;;
            ?*) return 0 ;;
        esac
    done
    return 1
}}
turn=0 quiet=0
while [ $turn -lt {_TURNS} ] && [ $quiet -lt 2 ]; do
    quiet=$((quiet + 1)) turn=$((turn + 1))
    if find "$1/incoming" -type f | grep -q . || delivering "$1"; then quiet=0; fi
    sleep {_TURN_SECONDS}
done
"""


def stopped_mail(place: Place, mail: str) -> Change:
    """Stop a machine's mail once what is under way has arrived."""
    arrived = Run(place, ("sh", "-c", _LAST_OF_IT, "last-of-it", SPOOL))
    let_in = Run(place, ("sh", "-c", _LET_IN, "let-in"))
    stop, start = (Run(place, ("systemctl", verb, mail)) for verb in ("stop", "start"))
    # Whoever comes on the way back waits until it is there.
    return Change("stop mail", Series((arrived, stop)), Series((start, let_in)))


def closed_for_good(host: Host) -> Iterator[Change]:
    """The door is closed: what kept people from the mail that was about to stop goes."""
    if host.ask("nft", "list", "table", *_TABLE.split()).status == 0:
        act, back = (
            Run(host.place, ("sh", "-c", script, name))
            for script, name in ((_LET_IN, "let-in"), (f"{_KEEP_OUT}true\n", "keep-out"))
        )
        yield Change("the door is enough", act, back)


def stopped(host: Host, known: Services) -> Iterator[Change]:
    """Stop mail first, then all units that run, so that they can be started again."""
    place, active = host.place, running(host, known.patterns)
    if known.mail in active:
        yield stopped_mail(place, known.mail)
    rest = tuple(name for name in active if name != known.mail)
    if rest:
        others = tuple(name for name in rest if name in known.others)
        beside = (Run(place, ("systemctl", "start", *others)),) if others else ()
        back = Series((*beside, started(place, known)))
        yield Change("stop BlueMind", Run(place, ("systemctl", "stop", *rest)), back)
    if active:
        yield all_stopped(place, known)


def masked(host: Host, services: Services, *, reloaded: bool = False) -> Iterator[Change]:
    """Keep stopped what a reboot, or anybody, could start.

    `reloaded`: a later change lets systemd read its units anew, which takes it its time.
    """
    unmasked = startable(host, services)
    if unmasked:
        own = ("--no-reload",) if reloaded else ()
        mask = Run(host.place, ("systemctl", "mask", *own, *unmasked))
        back = Run(host.place, ("systemctl", "unmask", *unmasked))
        yield Change("keep the services stopped", mask, back)


def not_masked(host: Host, services: Services, why: str) -> Iterator[Finding]:
    """A finding for each unit that could be started."""
    for name in startable(host, services):
        text = f"{name} could be started again"
        yield Finding("not-masked", "blocks", host.place, text, why)


@dataclass(frozen=True)
class Freeze(Step):
    """Mail first, then all units that run. The server's own command would end its PostgreSQL as
    well, which is needed at once for the last changes."""

    services: Services
    key = "freeze"
    title = "stop the services on both"
    why = "The last pass must see data that no longer changes."
    phase = "cutover"
    account = "stop"
    rows = (10, 17)
    touches = frozenset({"source", "target"})
    service = "down"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from stopped(pair.source, self.services)
        yield from self._also(pair.target)

    def _also(self, target: Host) -> Iterator[Change]:
        """The target is stopped since it was closed, unless this is made again after its start.

        Its PostgreSQL runs on here as well, which its own command would end.
        """
        active = running(target, self.services.patterns)
        if active:
            kept = Keep("it holds a copy of the source now: started, its core would drive it")
            stop = Run("target", ("systemctl", "stop", *active))
            yield Change("stop the target's services again", stop, kept)
            yield all_stopped("target", self.services)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        # The source alone: a later step starts the target's services, and rightly so.
        yield from still_running(pair.source, self.services)

    def expects(self, known: Measured) -> Expected:
        if self.key not in known.steps and HoldTarget.key in known.steps:
            return Expected.as_measured(known.steps[HoldTarget.key], "as the target's own stopped")
        return super().expects(known)


@dataclass(frozen=True)
class CloseSource(Step):
    """Whoever comes to the source's service ports is turned away, also after a reboot.

    While the target starts, not before: systemd reads all units anew for it, and until it has done
    so that busy machine is late with what the target waits for.
    """

    ports: Ports
    key = "close-source"
    title = "close the source's service ports"
    why = "Nothing may answer any more at a server that was moved away, whoever starts it there."
    phase = "cutover"
    account = "stop"
    rows = (17,)
    touches = frozenset({"source"})

    def check(self, pair: Pair) -> Iterator[Finding]:
        if not self._can(pair.source):
            seen = "it has no nft: once it was moved its services are masked, its ports stay open"
            remedy = installing(pair.source, "nftables")
            yield Finding("ports-unfenced", "notes", "source", seen, self.why, remedy)

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from self.closing(pair.source)
        yield from closed_for_good(pair.source)

    def closing(self, source: Host) -> tuple[Change, ...]:
        """What closes its door; nothing where that can't be had, or is closed."""
        return tuple(closing(source, self.ports)) if self._can(source) else ()

    def _can(self, source: Host) -> bool:
        return source.ask("which", "nft").status == 0

    def verify(self, pair: Pair) -> Iterator[Finding]:
        if self._can(pair.source):
            yield from ajar(pair.source)


@dataclass(frozen=True)
class Fence(Step):
    """The services are masked, and a file says why."""

    services: Services
    marker: str
    identity: str
    door: CloseSource
    """The step that lets systemd read its units anew, for the masks as well."""
    key = "fence"
    title = "keep the source's services stopped"
    why = "Neither a reboot nor a colleague may bring back a server that was moved away."
    phase = "cutover"
    account = "stop"
    rows = (17,)
    touches = frozenset({"source"})

    def run(self, pair: Pair) -> Iterator[Change]:
        content = self._content()
        if pair.source.file(self.marker) != content:
            yield Change(
                "mark the source as moved",
                WriteFile("source", self.marker, content),
                RemoveFile("source", self.marker),
            )
        reloaded = reloads(self.door.closing(pair.source))
        yield from masked(pair.source, self.services, reloaded=reloaded)

    def _content(self) -> bytes:
        return f"moved by transhume: {self.identity}\n".encode()

    def verify(self, pair: Pair) -> Iterator[Finding]:
        # Once more: before they were masked somebody may have started one.
        yield from still_running(pair.source, self.services)
        yield from not_masked(pair.source, self.services, self.why)
