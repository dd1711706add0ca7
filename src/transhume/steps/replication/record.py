"""What was decided about a database and altered for it: a small file beside the journal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Literal
from urllib.parse import quote

from transhume.core.change import Act, RemoveFile, WriteFile
from transhume.core.host import Host
from transhume.errors import StepFailed
from transhume.steps.replication.identity import Identity


@dataclass(frozen=True)
class Record:
    """`position` is the source's WAL position that the copy reached at its end, empty before it.

    `definitions` is the source's word for its own when they were last seen to equal the copy's.
    `identities` are what the source's tables had before any was altered: a killed run must still
    know them when the tables don't tell any more.
    """

    how: Literal["follow", "dump"]
    position: str = ""
    definitions: str = ""
    identities: tuple[Identity, ...] = ()

    def knowing(self, former: tuple[Identity, ...]) -> Record:
        """The same, with these identities where none is known of the table yet."""
        known = {(each.schema, each.table) for each in self.identities}
        new = tuple(each for each in former if (each.schema, each.table) not in known)
        return replace(self, identities=self.identities + new)


@dataclass(frozen=True)
class Shelf:
    """Where the records lie on the target."""

    folder: str

    def path(self, name: str) -> str:
        """The file of one database, whatever its name."""
        return f"{self.folder}/{quote(name, safe='')}.json"

    def get(self, target: Host, name: str) -> Record | None:
        """What was written of it; None before anything was decided."""
        content = target.file(self.path(name))
        if content is None:
            return None
        try:
            fields = json.loads(content)
            identities = tuple(Identity(**each) for each in fields.pop("identities"))
            return Record(**fields, identities=identities)
        except (ValueError, TypeError, KeyError):
            raise StepFailed(
                f"{self.path(name)} isn't what was written there",
                remedy="transhume rollback, then transhume sync",
            ) from None

    def put(self, name: str, record: Record) -> Act:
        """The act that writes it."""
        text = json.dumps(asdict(record), indent=1) + "\n"
        return WriteFile("target", self.path(name), text.encode(), "0600")

    def back(self, name: str, former: Record | None) -> Act:
        """The act that puts the former one back."""
        if former is None:
            return RemoveFile("target", self.path(name))
        return self.put(name, former)
