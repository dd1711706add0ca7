"""Let the source's PostgreSQL be followed: its settings, and the one restart that they need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Act, Change, Run, Series, WriteFile
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.step import Step
from transhume.steps.replication.following import Following
from transhume.steps.replication.on_source import login, script
from transhume.steps.replication.survey import BOUNDED, MIB, Server, server

_BEGIN, _END = "# transhume: begin", "# transhume: end"
_BLOCK = re.compile(rf"^{_BEGIN}\n.*?^{_END}\n", re.MULTILINE | re.DOTALL)
_TIMER = "transhume-restart"
_FEWEST = 10
"""Senders and slots at least, as PostgreSQL's own defaults have it."""

# Not the umbrella postgresql.service where there is an instance: systemd would restart whatever
# requires the umbrella, and it returns before the server answers.
_AGAIN = """\
again() {
    unit=$(systemctl list-units --plain --no-legend 'postgresql@*.service' | awk '{print $1}')
    systemctl restart ${unit:-postgresql.service} || return
    for i in $(seq 300); do pg_isready -q -p "$port" && return; sleep 0.2; done
    return 1
}
port=$2
"""
# A server that doesn't come up with the settings gets its former ones at once: people need it.
_RESTART = f"""\
systemctl stop {_TIMER}.timer 2>/dev/null
{_AGAIN}again && exit
sed -i '/^{_BEGIN}$/,/^{_END}$/d' "$1"
again
echo 'PostgreSQL did not start with the settings for replication; it has its former ones' >&2
exit 1
"""
# Not restarted: on the way back this comes last, when people are served again, and a server that
# writes more than it has to harms nobody until its next restart.
_FORMER = f"""\
systemctl stop {_TIMER}.timer 2>/dev/null
%spg_isready -q || exit 0
exec psql -X -q -v ON_ERROR_STOP=1 -c 'select pg_reload_conf()' >/dev/null
"""


def without(content: bytes) -> bytes:
    """The server's own settings file as it was before ours were added."""
    return _BLOCK.sub("", content.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def conf(there: Server) -> str:
    """The file that the server reads last; ALTER SYSTEM writes it, too."""
    return f"{there.data}/postgresql.auto.conf"


def block(there: Server, databases: int) -> str:
    """The lines that let so many databases be followed."""
    senders, slots = there.needs(databases)
    values = {
        "wal_level": "logical",
        "max_wal_senders": str(max(there.senders, senders, _FEWEST)),
        "max_replication_slots": str(max(there.slots, slots, _FEWEST)),
    }
    if there.major >= BOUNDED:
        # Half of what is free: the rest is the source's own.
        values["max_slot_wal_keep_size"] = f"{there.room // 2 // MIB}MB"
    lines = (f"{name} = '{value}'\n" for name, value in values.items())
    return f"{_BEGIN}\n{''.join(lines)}{_END}\n"


def written(host: Host, there: Server, content: bytes) -> Act:
    """The act that gives the settings file this content, with the owner and mode that it has."""
    mode, owner = host.read("stat", "-c", "%a|%U:%G", conf(there)).strip().split("|")[-2:]
    return WriteFile(host.place, conf(there), content, f"0{mode}", owner)


@dataclass(frozen=True)
class PrepareSource(Step):
    """The source's PostgreSQL writes what a follower needs."""

    following: Following
    key = "replication-settings"
    title = "let the databases be followed"
    why = "What follows needs no dump while everyone waits; it costs one restart of PostgreSQL."
    phase = "prepare"
    touches = frozenset({"source"})
    repeats = True

    def check(self, pair: Pair) -> Iterator[Finding]:
        for name, reason in self.following.choices(pair).items():
            yield self._choice(name, reason)
        there, wanted = server(pair.source), len(self._wanted(pair))
        if wanted and not self._enough(there, wanted):
            yield Finding(
                "postgresql-restart",
                "notes",
                "source",
                f"PostgreSQL is restarted once {self._when()}: wal_level is {there.wal_level}, "
                f"max_replication_slots is {there.slots}",
                "Following needs wal_level = logical and two slots for each database; the services "
                "connect again by themselves.",
                '[databases] restart = "03:30" for another hour, or "never"',
            )
        elif wanted and not there.provable(wanted):
            yield Finding(
                "no-slot-for-proof",
                "warns",
                "source",
                "databases can't be proved while people work: max_replication_slots is "
                f"{there.slots}, and PostgreSQL may not be restarted",
                "All their rows are compared while everyone waits.",
                f"at least max_replication_slots = {there.needs(wanted)[1]} in its settings and a "
                'restart; or [databases] restart = "03:30", for an hour at which it may be',
            )

    def _enough(self, there: Server, wanted: int) -> bool:
        """Whether it can be followed as it is; for the proof it is restarted where it may be."""
        fixed = self.following.restart == "never" or there.fixed
        return there.enough(wanted) if fixed else there.provable(wanted)

    def _when(self) -> str:
        return "when sync begins" if self.following.restart == "now" else self.following.restart

    def _choice(self, name: str, reason: str) -> Finding:
        if not reason:
            return Finding("database-follows", "notes", "source", f"{name} follows until the end")
        demanded = self.following.strategy == "replicate"
        return Finding(
            "database-dumped",
            "blocks" if demanded else "warns" if self.following.strategy == "auto" else "notes",
            "source",
            f"{name} is dumped while everyone waits: {reason}",
            "The downtime grows with its size.",
            'mend that, or [databases] strategy = "auto"' if demanded else "mend that, or wait",
        )

    def _wanted(self, pair: Pair) -> list[str]:
        return [name for name, reason in self.following.choices(pair).items() if not reason]

    def run(self, pair: Pair) -> Iterator[Change]:
        there, wanted = server(pair.source), len(self._wanted(pair))
        # With a slot, a server that has less after its next restart wouldn't start any more.
        ready = self._enough(there, wanted) and there.within_bounds and there.lasting
        if not wanted or ready or self._planned(pair):
            return
        former = without(pair.source.file(conf(there)) or b"")
        lines = former if not former or former.endswith(b"\n") else former + b"\n"
        write = written(pair.source, there, lines + block(there, wanted).encode())
        title, act = self._taken_up(there, wanted)
        yield Change(title, Series((write, act)), self._back(pair, there, former))

    def _taken_up(self, there: Server, wanted: int) -> tuple[str, Act]:
        """How the server takes the settings up."""
        if self._enough(there, wanted):
            reload = "select pg_reload_conf() \\g /dev/null\n"
            act = script(self.following.ini, "postgres", reload)
            if there.within_bounds:
                return "have the source followed after a restart as well", act
            return "bound what the source keeps for a follower", act
        restart = ("sh", "-c", _RESTART, "restart", conf(there), str(there.port))
        if self.following.restart == "now":
            return "restart PostgreSQL, to be followed", Run("source", restart)
        title = f"restart PostgreSQL at {self.following.restart}, to be followed"
        return title, Run("source", self._later(restart))

    def _later(self, restart: tuple[str, ...]) -> tuple[str, ...]:
        when = f"--on-calendar=*-*-* {self.following.restart}:00"
        return ("systemd-run", f"--unit={_TIMER}", when, "--timer-property=AccuracySec=1", *restart)

    def _planned(self, pair: Pair) -> bool:
        if self.following.restart == "now":
            return False
        return pair.source.ask("systemctl", "is-active", "--quiet", f"{_TIMER}.timer").status == 0

    def _back(self, pair: Pair, there: Server, former: bytes) -> Act:
        text = _FORMER % login(self.following.ini)
        words = ("sh", "-c", text, "sh", "postgres")
        return Series((written(pair.source, there, former), Run("source", words)))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        wanted = len(self._wanted(pair))
        if wanted and not server(pair.source).enough(wanted) and not self._planned(pair):
            seen = "PostgreSQL on the source can't be followed yet"
            yield Finding("not-followable", "blocks", "source", seen)
