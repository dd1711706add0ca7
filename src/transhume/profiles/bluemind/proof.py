"""What of a BlueMind 5 server is proved, at any time of the move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.core.settings import Settings
from transhume.core.tally import Tell
from transhume.profiles.bluemind import after, profile, readdress
from transhume.profiles.bluemind.layout import Layout
from transhume.steps import map_proof, postfix, queue
from transhume.steps.bodies import Bodies
from transhume.steps.configuration_proof import ConfigurationProof
from transhume.steps.proof import Prove, Subject
from transhume.steps.tree_proof import Excuse


def subject(
    layout: Layout, settings: Settings, pair: Pair, *, full: bool, opened: float
) -> Subject:
    """What is to be proved; `opened` as Subject has it."""
    known = layout.bodies
    bodies = Bodies(known.tiers, known.database, known.table, known.column)
    databases = profile.copier(layout, settings).present(pair)
    serving = _Serving(layout, settings).parts()
    trees = profile.all_trees(layout, settings)
    return Subject(trees, databases, bodies, full, opened, serving, profile.mark(settings))


@dataclass(frozen=True)
class _Serving:
    """What is proved once the target serves."""

    layout: Layout
    settings: Settings

    def parts(self) -> tuple[tuple[str, Prove], ...]:
        return (
            ("configuration", self._configuration()),
            ("PostgreSQL's own settings", self._server),
            ("addresses", self._addresses),
            ("firewall", self._firewall),
            ("maps", self._maps),
            ("queue", self._queue),
            ("services", self._services),
        )

    def _configuration(self) -> Prove:
        configuration = profile.configuration(self.layout, self.settings)
        return ConfigurationProof(configuration, self._readdressed).prove

    def _readdressed(self, pair: Pair) -> Mapping[str, bytes]:
        becomes = self.settings.address.becomes
        return readdress.rewritten(pair, becomes, self.layout.address) if becomes else {}

    def _server(self, pair: Pair, opened: float, excuse: Excuse, tell: Tell) -> Iterator[Proof]:
        return profile.SERVER_SETTINGS.prove(pair, opened, tell)

    def _addresses(self, pair: Pair, opened: float, excuse: Excuse, tell: Tell) -> Iterator[Proof]:
        becomes = self.settings.address.becomes
        return readdress.prove(pair, becomes, self.layout.address, opened, tell)

    def _firewall(self, pair: Pair, opened: float, excuse: Excuse, tell: Tell) -> Iterator[Proof]:
        return after.prove_firewall(pair, tell)

    def _maps(self, pair: Pair, opened: float, excuse: Excuse, tell: Tell) -> Iterator[Proof]:
        maps = postfix.maps(pair)
        if self.settings.address.becomes:
            # The transport map rightly differs from the source's.
            return map_proof.answers(pair.target, pair.target, maps, opened, tell)
        own = postfix.own_maps(pair.source)
        return map_proof.answers(pair.source, pair.target, maps, opened, tell, own)

    def _queue(self, pair: Pair, opened: float, excuse: Excuse, tell: Tell) -> Iterator[Proof]:
        return queue.prove(pair, opened, tell)

    def _services(self, pair: Pair, opened: float, excuse: Excuse, tell: Tell) -> Iterator[Proof]:
        return profile.visitor(self.layout, self.settings).prove(pair, tell)
