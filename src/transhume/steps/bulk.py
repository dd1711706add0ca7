"""The first copy of a tree: over several connections, when the target hardly has any of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from transhume.agent import BOOT, program
from transhume.core.change import SSH_BULK, Change, Keep, SeedTree
from transhume.core.host import Host, Pair

_KEEP = Keep("what arrived does no harm, and isn't sent again")
# Below this one connection has brought it before a second one is open.
_WORTH = 32 << 20
# What has a basis on the target is cheaper by rsync, which sends differences.
_MOSTLY_THERE = 0.5
# receive.py's text first, then ssh, whose own input begins with send.py's.
_LANE = '{ head -c "$1"; ssh -F "$2" transhume-source -- "$3"; } | python3 -I -c "$4" "$1" "$5"'


def first_copy(pair: Pair, path: str) -> Iterator[Change]:
    """Carry what the target lacks of a tree, unless rsync alone is as good.

    SyncTree has to follow: folders' own times, links, holes, ACLs and all else is its business.
    """
    there, here = _size(pair.source, path), _size(pair.target, path)
    if there < _WORTH or here > there * _MOSTLY_THERE:
        return
    yield Change(f"carry {path}", seeding(path, there - here), _KEEP)


def seeding(path: str, expected: int) -> SeedTree:
    """The act, with both its programs."""
    send, receive = program("send"), program("receive")
    there = shlex.join(("env", "LC_ALL=C.UTF-8", "python3", "-I", "-c", BOOT, str(len(send)), path))
    words = (str(len(receive)), SSH_BULK, there, BOOT, path)
    return SeedTree(path, ("sh", "-c", _LANE, "carry", *words), receive + send, expected)


def _size(host: Host, path: str) -> int:
    """Bytes in a tree; 0 where there is none. What vanishes meanwhile is no error."""
    output = host.ask("du", "-s", "--apparent-size", "--block-size=1", path)
    first = output.text.split("\t")[0]
    return int(first) if first.isdigit() else 0
