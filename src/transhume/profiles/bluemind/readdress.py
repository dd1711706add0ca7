"""Where the target keeps its own address: the new one in every place that held the old one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from transhume.core.change import Change, Keep, Run, psql
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.step import Step
from transhume.steps import postfix
from transhume.steps.answers import own_address

_FILES = ("/etc/bm/bm.ini", "/etc/postfix/main.cf")
_KEEP = Keep("the databases are a copy, and the files kept aside are put back as a whole")
_UPDATE = """\
begin;
update t_server set ip = {new} where ip = {old};
update rc_users set mail_host = {new} where mail_host = {old};
update t_systemconf set configuration =
    regexp_replace(configuration::text, {pattern}, {replacement}, 'g')::hstore;
commit;
"""


@dataclass(frozen=True)
class Readdress(Step):
    """Before the core starts: it would drive the old server's node at the old address.

    The maps, the firewall and the monitoring are regenerated from these by the steps that follow.
    """

    becomes: str
    key = "readdress"
    title = "put the new address where the old one stands"
    why = "The server is known to itself by its address; My Networks lets it relay by it."
    phase = "cutover"
    account = "configuration"
    rows = (20,)
    settled_by = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        old = own_address(pair)
        update = sql.SQL(_UPDATE).format(
            new=sql.Literal(self.becomes),
            old=sql.Literal(old),
            pattern=sql.Literal(_alone(old)),
            replacement=sql.Literal(self.becomes),
        )
        yield Change("in the database", psql("bj", update.as_string()), _KEEP)
        # sed can't look ahead: what stands between two of them belongs to the first one's match.
        script = rf"s/(^|[^0-9.]){re.escape(old)}([^0-9.]|$)/\1{self.becomes}\2/g"
        argv = ("env", "LC_ALL=C", "sed", "-i", "-E", "-e", script, "-e", script, *_FILES)
        yield Change("in the files", Run("target", argv), _KEEP)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        old = own_address(pair)
        known = pair.target.sql("bj", "select configuration::text from t_systemconf")
        places = {"t_systemconf": " ".join(text for (text,) in known)}
        places["t_server"] = " ".join(
            ip for (ip,) in pair.target.sql("bj", "select ip from t_server")
        )
        places |= {
            path: (pair.target.file(path) or b"").decode(errors="replace") for path in _FILES
        }
        for place, text in places.items():
            if re.search(_alone(old), text):
                seen = f"{place} still names {old}"
                yield Finding("old-address", "blocks", "target", seen)


def rewritten(pair: Pair, becomes: str) -> dict[str, bytes]:
    """What the files should hold in which the old address stood."""
    alone, new = _alone(own_address(pair)).encode(), becomes.encode()
    held = {path: pair.source.file(path) or b"" for path in _FILES}
    held |= {path: text for path, text in postfix.adapted(pair).items() if path in held}
    return {path: re.sub(alone, new, content) for path, content in held.items()}


def _alone(address: str) -> str:
    """A pattern for this address that doesn't match inside a longer one."""
    return rf"(?<![0-9.]){re.escape(address)}(?![0-9.])"
