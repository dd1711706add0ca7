"""What has to be done once the server stands in the other's place: rows 18 to 21."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from transhume.core.change import Await, Change, Keep, Run, Series
from transhume.core.finding import Finding, Proof
from transhume.core.host import Host, Pair
from transhume.core.step import Step
from transhume.core.tally import Tally, Tell, untold
from transhume.profiles.bluemind import readdress
from transhume.profiles.bluemind.layout import AddressLayout
from transhume.steps import map_proof, postfix

_KEEP = Keep("it is the target's own, and rebuilt by the same call")
_REPAIR = "http://127.0.0.1:{}/api/system/maildelivery/mgmt/_repair"
_CALL = (
    # The token goes through a pipe: an argument would stand in the list of processes.
    'printf \'header = "X-BM-ApiKey: %s"\\n\' "$(cat "$2")" | curl -fsS -K - -X POST "$1"'
)
_NAMED = 'for n in "$@"; do iptables -S | grep -qF -e "-s $n " || exit 1; done'
_SENDER = re.compile(r"(?<= -s )\S+")
_WORDS = re.compile(r"[\s,;]+")
_LET_IN = """
select ip from t_server union all select configuration -> 'fwAdditionalIPs' from t_systemconf
"""
_OFF = "/etc/bm/bm-iptables.disabled"
_SCRIPTS = "/etc/bm-iptables"
_UNIT = "bm-iptables.service"
_NEWER = 'for f in "$@"; do test "$f" -nt "$0" || exit 1; done'
_STAMP = "/run/transhume/maps-asked"


@dataclass(frozen=True)
class Firewall(Step):
    """Saving the firewall in the console does nothing when nothing was changed there."""

    key = "firewall"
    title = "regenerate the firewall"
    why = "Its rules name the servers' addresses; the console's Save does nothing when unchanged."
    phase = "after"
    account = "configuration"
    rows = (18,)

    def run(self, pair: Pair) -> Iterator[Change]:
        yield Change("regenerate", Run("target", ("bm-cli", "maintenance", "update-fw")), _KEEP)
        wanted = _let_in(pair)
        if wanted:
            named = Await("target", ("sh", "-c", _NAMED, "named", *wanted), 30)
            yield Change("wait until its rules name the servers", named, _KEEP)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        known = _named(pair.target)
        for network in _let_in(pair):
            if network not in known:
                seen = f"the firewall's rules don't name {network}, which the source's do"
                yield Finding("firewall-differs", "blocks", "target", seen)


def prove_firewall(pair: Pair, tell: Tell = untold) -> Iterator[Proof]:
    """The target's rules name each server and further address that the source's do.

    Where neither has any, that is no pass if there were to be some.
    """
    there, here = set(_let_in(pair)), _wanted(pair.target) & _named(pair.target)
    tally = Tally("firewall", "networks", tell)
    for network in sorted(there | here):
        if network in here:
            tally.equal()
        else:
            tally.differs(f"its rules don't name {network}, which the source's do")
    if tally.compared or _to_be_named(pair):
        yield tally.proof()


def _to_be_named(pair: Pair) -> bool:
    """Whether the source's script names senders, and neither machine's admin keeps it from running.

    The source's own rules may be gone with the services that were stopped there.
    """
    source, target = pair.source, pair.target
    return (
        source.ask("test", "-e", _OFF).status != 0
        and source.ask("grep", "-rlZIE", "-e", r"-s [0-9]", "--", _SCRIPTS).status == 0
        and source.ask("iptables", "-S").status == 0
        and target.ask("systemctl", "is-active", _UNIT).text.strip() in ("active", "failed")
    )


def _let_in(pair: Pair) -> list[str]:
    """Servers and further addresses of the settings that the source's own rules name.

    What else these rules hold may be of other programs; and where none are loaded nothing can be
    said about them.
    """
    return sorted(_wanted(pair.target) & _named(pair.source))


def _wanted(host: Host) -> set[str]:
    """Servers and further addresses of a machine's settings."""
    text = " ".join(value or "" for (value,) in host.sql("bj", _LET_IN))
    return _networks(_WORDS.split(text))


def _named(host: Host) -> set[str]:
    """The senders that a machine's rules name."""
    output = host.ask("iptables", "-S")
    return set(_SENDER.findall(output.text)) if output.status == 0 else set()


def _networks(words: Iterable[str]) -> set[str]:
    """Those of the words that are addresses or networks, as iptables writes them."""
    found = set()
    for word in words:
        with contextlib.suppress(ValueError):
            found.add(ipaddress.ip_network(word, strict=False).with_prefixlen)
    return found


@dataclass(frozen=True)
class Maps(Step):
    """The call reports success before anything is written, so the files are awaited."""

    paths: tuple[str, ...]
    port: int
    token: str
    readdressed: bool
    key = "maps"
    title = "regenerate Postfix's maps"
    why = "They come from the database; done is when the files are new, not when the call returns."
    phase = "after"
    account = "configuration"
    usual = (2.0, 12.0)
    rows = (19,)

    def run(self, pair: Pair) -> Iterator[Change]:
        maps = self._maps(pair)
        files = [name for each in maps for name in (each.text, each.indexed)]
        url = _REPAIR.format(self.port)
        ask = Series(
            (
                Run("target", ("touch", "-d", "1 second ago", _STAMP)),
                Run("target", ("sh", "-c", _CALL, "call", url, self.token)),
                Await("target", ("sh", "-c", _NEWER, _STAMP, *files), 60),
            )
        )
        yield Change("regenerate and wait for the files", ask, _KEEP)

    def verify(self, pair: Pair) -> Iterator[Proof]:
        # With another address the transport map rightly differs from the source's.
        origin = pair.target if self.readdressed else pair.source
        return map_proof.answers(origin, pair.target, self._maps(pair))

    def _maps(self, pair: Pair) -> list[postfix.Map]:
        kind = postfix.map_type(pair.target)
        maps = [postfix.Map(kind, path, f"{path}-flat") for path in self.paths]
        return [each for each in maps if pair.target.file(each.text) is not None]


@dataclass(frozen=True)
class Networks(Step):
    """With the source's address nothing is to be put in its place; that is proved."""

    key = "networks"
    title = "prove My Networks and the addresses"
    why = "The target answers at the source's address, so nothing in its settings may differ."
    phase = "after"
    usual = (0.1, 0.5)
    rows = (20,)
    touches = frozenset()

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for query in (
            "select configuration::text from t_systemconf",
            "select string_agg(ip || ' ' || name, ',' order by item_id) from t_server",
            "select string_agg(mail_host, ',' order by username) from rc_users",
        ):
            there, here = (host.sql("bj", query) for host in (pair.source, pair.target))
            if there != here:
                yield Finding("settings-differ", "blocks", "target", f"{query}: not the source's")


@dataclass(frozen=True)
class Tick(Step):
    """The monitoring names the server's address in its own files."""

    becomes: str | None
    places: AddressLayout
    key = "tick"
    title = "reconfigure the monitoring"
    why = "bm-tick's files are regenerated on the new machine."
    phase = "after"
    rows = (21,)

    def run(self, pair: Pair) -> Iterator[Change]:
        yield Change("reconfigure", Run("target", ("bm-cli", "tick", "reconfigure")), _KEEP)

    def verify(self, pair: Pair) -> Iterator[Proof]:
        yield from readdress.prove(pair, self.becomes, self.places)
