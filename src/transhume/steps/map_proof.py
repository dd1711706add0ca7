"""Prove that Postfix's maps answer as the source's did, and as the texts say they are made from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from transhume.core.finding import Proof
from transhume.core.host import Host
from transhume.core.tally import Tally, Tell, untold
from transhume.errors import TranshumeError
from transhume.steps.map_text import MapText, read
from transhume.steps.postfix import Map
from transhume.steps.written import written

# For sendmail's programs and for NIS (postalias.c of Postfix; keys are folded to lower case).
_ADDED = ("@", "yp_last_modified", "yp_master_name")
_SECRET = re.compile(r"(?i)passw|sasl|secret|credential")


def answers(
    origin: Host,
    target: Host,
    wanted: Iterable[Map],
    opened: float = 0,
    tell: Tell = untold,
    indexed: Iterable[Map] = (),
) -> Iterator[Proof]:
    """For each map, how many entries of the origin's text and its own the target answers alike.

    `indexed` are the origin's own maps: where its Postfix answered otherwise than its text says,
    that is noted, for the target answers as the text says.

    After the opening (seconds since the epoch; 0 before) what people changed since stands in the
    target's own text, which is then newer, and isn't held against the map. One that isn't what
    its own text says is stale at any time.
    """
    own = {each.path: each for each in indexed}
    for each in wanted:
        try:
            tally = Tally(each.path, "entries", tell)
            if each.path in own:
                _note_behind(origin, own[each.path], tally)
            _compare(origin, target, each, opened, tally)
            yield tally.proof()
        except TranshumeError as error:
            yield Proof(each.path, 1, 0, "entries", (f"couldn't be compared: {error.what}",))


def _note_behind(origin: Host, each: Map, tally: Tally) -> None:
    """Note what the origin's index answers otherwise than the text it was made from."""
    said = (each.read(origin) or MapText({})).entries
    answered = origin.ask("postmap", "-s", each.name)
    if answered.status != 0:
        tally.note(f"the {origin.place}'s own index couldn't be read")
        return
    known = read(answered.text).entries
    for key in {**said, **known}:
        own = each.aliases and key in _ADDED
        if known.get(key) != said.get(key) and not own:
            told = _told(each, key, known.get(key), said.get(key))
            tally.note(f"the {origin.place}'s index was behind its text: {told}")


def _compare(origin: Host, target: Host, each: Map, opened: float, tally: Tally) -> None:
    wanted = each.read(origin) or MapText({})
    own = each.read(target)
    theirs, ours = wanted.entries, (own or wanted).entries
    known = read(target.read("postmap", "-s", each.name)).entries
    changed = bool(opened) and own is not None and written(target, each.text) >= opened
    for number in wanted.wrong:
        tally.note(f"line {number} isn't a key and a value: Postfix leaves it out, as before")
    if not theirs and not ours:
        # An empty map is one thing to compare: that it could be opened.
        tally.equal()
    for key in {**theirs, **ours}:
        if known.get(key) != ours.get(key) or (known.get(key) != theirs.get(key) and not changed):
            tally.differs(_told(each, key, known.get(key), theirs.get(key, ours.get(key))))
        elif known.get(key) == theirs.get(key):
            tally.equal()
        else:
            tally.excused()


def _told(each: Map, key: str, known: str | None, wanted: str | None) -> str:
    if _SECRET.search(each.path):
        return f"{key}: answered otherwise"
    return f"{key}: {known!r}, not {wanted!r}"
