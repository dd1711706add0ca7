"""How each database moves: it follows the source or is dumped, by choice and by what is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.host import Pair
from transhume.steps.copier import Copier
from transhume.steps.replication.record import Shelf
from transhume.steps.replication.survey import hindrance, obstacle, server


@dataclass(frozen=True)
class Following:
    """The admin's choice, the file with the login (`ini`), and where the records lie."""

    copier: Copier
    strategy: str
    restart: str
    ini: str
    shelf: Shelf

    def choices(self, pair: Pair) -> dict[str, str]:
        """Each database, and why it is dumped; empty where it can follow."""
        names = self.copier.present(pair)
        general = self._general(pair, len(names))
        return {name: general or obstacle(pair.source, name) for name in names}

    def _general(self, pair: Pair, databases: int) -> str:
        if self.strategy == "dump":
            return 'the settings say so ([databases] strategy = "dump")'
        if self.restart == "never" and not server(pair.source).enough(databases):
            return "PostgreSQL on the source may not be restarted, which following needs"
        return hindrance(pair, databases, self.strategy)

    def decided(self, pair: Pair) -> Iterator[tuple[str, str]]:
        """Each database, and how it moves: as was decided, or as it would be."""
        known = {name: self.shelf.get(pair.target, name) for name in self.copier.present(pair)}
        foreseen = self.choices(pair) if None in known.values() else {}
        for name, record in known.items():
            yield name, record.how if record else "dump" if foreseen[name] else "follow"

    def dumped(self, pair: Pair) -> tuple[str, ...]:
        """The databases that are copied whole."""
        return tuple(name for name, how in self.decided(pair) if how == "dump")

    def followed(self, pair: Pair) -> tuple[str, ...]:
        """The databases that follow, or did until their end."""
        return tuple(name for name, how in self.decided(pair) if how == "follow")
