"""Stop the services of a machine so that they stay stopped, and start them again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import (
    Act,
    Await,
    Change,
    Keep,
    Place,
    Run,
    Series,
    Together,
)
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.measured import Expected, Measured
from transhume.core.step import Step
from transhume.steps import queue
from transhume.steps.requirements.remedy import quoted

STOPPED = ("inactive", "failed")
_STOP_LIMIT = 120
_ALL_STOPPED = (
    'test -z "$(systemctl list-units --plain --no-legend '
    '--state=active,activating,deactivating,reloading "$@")"'
)


@dataclass(frozen=True)
class Services:
    """How one kind of server is started and stopped.

    `patterns` name every unit that may write or serve; `stop` and `start` are the server's own
    commands for most of them; `others` are units which these forget. GET `state` on `port` of the
    loopback answers `starting` at first, and `serving` after `limit` seconds at most.
    """

    patterns: tuple[str, ...]
    mail: str
    stop: tuple[str, ...]
    start: tuple[str, ...]
    others: tuple[str, ...]
    port: int
    state: str
    serving: str
    starting: str
    limit: int

    @property
    def url(self) -> str:
        """Where the server tells its state."""
        return f"http://127.0.0.1:{self.port}{self.state}"


def _rows(printed: str) -> list[list[str]]:
    return [line.split() for line in printed.splitlines() if line.strip()]


def running(host: Host, patterns: tuple[str, ...]) -> list[str]:
    """Units that are neither stopped nor failed; what is unknown counts as running."""
    listed = ("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full")
    rows = _rows(host.read(*listed, *patterns))
    return [row[0] for row in rows if len(row) > 3 and row[2] not in STOPPED]


def installed(host: Host, patterns: tuple[str, ...]) -> dict[str, bool]:
    """Every unit that the machine has a file for, loaded or not, and whether it is masked."""
    listed = ("systemctl", "list-unit-files", "--plain", "--no-legend", "--full")
    rows = _rows(host.ask(*listed, *patterns).text)
    return {row[0]: row[1].startswith("masked") for row in rows if "@." not in row[0]}


def start_seconds(host: Host, unit: str) -> float:
    """How long the unit's last start took on that machine; 0 when systemd can't say."""
    wanted = ("InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    flags = [f"--property={name}" for name in wanted]
    printed = host.read("systemctl", "show", *flags, unit)
    values = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
    began, ended = (int(values.get(name) or 0) for name in wanted)
    return max(0, ended - began) / 1e6


def still_running(host: Host, services: Services) -> Iterator[Finding]:
    """A finding for each unit that isn't stopped."""
    for name in running(host, services.patterns):
        yield Finding(
            "still-running",
            "blocks",
            host.place,
            f"{name} isn't stopped",
            "What it writes now would be missing from the copy.",
            f"systemctl stop {quoted(name)}; journalctl -u {quoted(name)} says what keeps it",
        )


def held(host: Host, services: Services) -> Iterator[Change]:
    """Stop mail first, then the server, then what its own command forgets; for good."""
    place: Place = host.place
    kept = Keep("it holds a copy of the source now: started, its core would drive the source")
    active = running(host, services.patterns)
    if services.mail in active:
        yield Change("stop mail", Run(place, ("systemctl", "stop", services.mail)), kept)
    if any(name not in services.others and name != services.mail for name in active):
        yield Change("stop BlueMind", Run(place, services.stop), kept)
    others = tuple(name for name in active if name in services.others)
    if others:
        yield Change("stop what also writes", Run(place, ("systemctl", "stop", *others)), kept)
    if active:
        yield all_stopped(place, services)
    unmasked = startable(host, services)
    if unmasked:
        mask = Run(place, ("systemctl", "mask", *unmasked))
        yield Change("keep the services stopped", mask, kept)


def all_stopped(place: Place, services: Services) -> Change:
    """Wait: a unit may end after the command that stopped it, as Postfix's instance does."""
    wait = Await(place, ("sh", "-c", _ALL_STOPPED, "wait", *services.patterns), _STOP_LIMIT)
    return Change("wait until all have stopped", wait, Keep("nothing was altered"))


def startable(host: Host, services: Services) -> tuple[str, ...]:
    """The units that a reboot, or anybody, could start."""
    units = installed(host, services.patterns)
    return tuple(name for name, masked in units.items() if not masked)


def started(place: Place, services: Services) -> Act:
    """Start the server and wait until it serves."""
    script = f"curl -fsS --max-time 10 {services.url} | grep -qF {services.serving}"
    return Series((Run(place, services.start), Await(place, ("sh", "-c", script), services.limit)))


def mail_held(mail: str) -> Act:
    """Start mail on the target, with all messages on hold until they are let go of."""
    return Series((queue.held_while_it_waits(), Run("target", ("systemctl", "start", mail))))


@dataclass(frozen=True)
class HoldTarget(Step):
    """The target's own services are off while its data is replaced."""

    services: Services
    key = "hold-target"
    title = "stop the target's services"
    why = "What they write would mix with the copy; masked, a reboot doesn't bring them back."
    phase = "prepare"
    rows = (7,)
    settled_by = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from held(pair.target, self.services)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        yield from still_running(pair.target, self.services)


@dataclass(frozen=True)
class Start(Step):
    """The target serves, still closed to clients."""

    services: Services
    key = "start"
    title = "start the target's services"
    why = "Everything starts behind the closed door, to be looked at before it opens."
    phase = "cutover"
    account = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        present = installed(pair.target, self.services.patterns)
        masked = tuple(name for name, is_masked in present.items() if is_masked)
        if masked:
            yield Change(
                "let the services start",
                Run("target", ("systemctl", "unmask", *masked)),
                # Read anew when the guard goes, which was armed before this.
                Run("target", ("systemctl", "mask", "--no-reload", *masked)),
            )
        others = tuple(name for name in self.services.others if name in present)
        beside = (Run("target", ("systemctl", "start", *others)),) if others else ()
        act = Together((started("target", self.services), *beside, mail_held(self.services.mail)))
        back = Run("target", ("systemctl", "stop", *present))
        yield Change("start BlueMind, and mail with its queue on hold", act, back)

    def coming(self, pair: Pair) -> bool:
        """Whether a target that was restarted since is about to serve."""
        booting = pair.target.ask("systemctl", "is-system-running").text.strip() == "starting"
        return booting or pair.target.api(self.services.state) == self.services.starting

    def verify(self, pair: Pair) -> Iterator[Finding]:
        state = pair.target.api(self.services.state)
        if state != self.services.serving:
            yield Finding("not-serving", "blocks", "target", f"the core says {state!r}")

    def expects(self, known: Measured) -> Expected:
        if self.key not in known.steps and known.start:
            return Expected.as_measured(known.start, "as the source's last start")
        return super().expects(known)
