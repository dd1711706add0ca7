"""Postfix on another distribution: map types, the chroot habit, and maps that answer alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from transhume.core.change import Place, Run
from transhume.core.host import Host, Pair
from transhume.steps.map_names import INDEXED, named
from transhume.steps.map_text import MapText, read

MAIN = "/etc/postfix/main.cf"
MASTER = "/etc/postfix/master.cf"
ALIASES = "/etc/aliases"
_KIND = r"default_(?:database|cache_db)_type"
_SUFFIX = {"lmdb": ".lmdb", "cdb": ".cdb"}


def map_type(host: Host) -> str:
    """The kind of indexed map that a machine's Postfix makes by itself."""
    return host.read("postconf", "-h", "default_database_type").strip()


def supported(host: Host) -> frozenset[str]:
    """Every kind of map that a machine's Postfix can read."""
    return frozenset(host.read("postconf", "-m").split())


def adapt_main(text: str, supported_types: frozenset[str], own: str) -> str:
    """main.cf with map types that the target lacks replaced by its own kind.

    Berkeley DB has left some distributions, and a main.cf that says hash: stops mail there
    (https://www.postfix.org/NON_BERKELEYDB_README.html).
    """
    lacking = [kind for kind in INDEXED if kind not in supported_types]
    if not lacking:
        return text
    kinds = "|".join(lacking)
    text = re.sub(rf"(?m)^({_KIND}[ \t]*=[ \t]*)({kinds})\b", rf"\g<1>{own}", text)
    return re.sub(rf"\b({kinds}):(?=[/$])", f"{own}:", text)


def adapt_master(source: str, target: str) -> str:
    """The source's master.cf with the target's chroot habit, service by service.

    The column is n on some distributions and - or y on others, and a chroot jail that isn't
    filled stops mail. A service that the target doesn't know gets what most of its own have.
    """
    habits = {_service(line): line.split()[4] for line in target.split("\n") if _service(line)}
    usual = max(habits.values(), key=list(habits.values()).count, default="-")
    lines = [
        _with_chroot(line, habits.get(_service(line), usual)) if _service(line) else line
        for line in source.split("\n")
    ]
    return "\n".join(lines)


def _service(line: str) -> tuple[str, str]:
    """Name and type of the service that a line of master.cf begins; empty for any other line."""
    words = line.split()
    if not line or line[0].isspace() or line[0] == "#" or len(words) < 8:
        return ()  # type: ignore[return-value]
    return words[0], words[1]


def _with_chroot(line: str, chroot: str) -> str:
    match = re.match(r"^((?:\S+\s+){4})(\S+)", line)
    if match is None or match[2] == chroot:
        return line
    return match[1] + chroot + line[match.end() :]


def adapted(pair: Pair) -> dict[str, bytes]:
    """main.cf and master.cf as they should stand on the target."""
    main = _text(pair.source, MAIN)
    main = adapt_main(main, supported(pair.target), map_type(pair.target))
    master = adapt_master(_text(pair.source, MASTER), _text(pair.target, MASTER))
    return {path: _bytes(text) for path, text in ((MAIN, main), (MASTER, master))}


def _text(host: Host, path: str) -> str:
    return (host.file(path) or b"").decode(errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


@dataclass(frozen=True)
class Map:
    """An indexed map: its kind, the name that Postfix knows it by, the text it is made from."""

    kind: str
    path: str
    text: str
    aliases: bool = False
    """Whether the text is one of aliases, with a colon behind each key."""

    @property
    def indexed(self) -> str:
        """The file that Postfix reads."""
        return self.path + _SUFFIX.get(self.kind, ".db")

    def read(self, host: Host) -> MapText | None:
        """What the text says on a machine; None where there is none."""
        content = host.file(self.text)
        if content is None:
            return None
        return read(content.decode(errors="surrogateescape"), aliases=self.aliases)

    @property
    def indexer(self) -> str:
        """The program that makes it from its text."""
        return "postalias" if self.aliases else "postmap"

    @property
    def name(self) -> str:
        """How main.cf names it."""
        return f"{self.kind}:{self.path}"


def maps(pair: Pair) -> list[Map]:
    """Every indexed map that the adapted configuration names and the source has a text for."""
    return _with_text(pair.source, _named(pair))


def own_maps(host: Host) -> list[Map]:
    """Every indexed map that a machine's own configuration names and that it has a text for."""
    return _with_text(host, named(_text(host, MAIN), _text(host, MASTER), _defaults(host)))


def _with_text(host: Host, wanted: Mapping[tuple[str, str], bool]) -> list[Map]:
    there = _there(host, [text for _, path in sorted(wanted) for text in _texts(path)])
    found = []
    for (kind, path), aliases in sorted(wanted.items()):
        text = next((text for text in _texts(path) if text in there), None)
        if text is not None:
            found.append(Map(kind, path, text, aliases or path == ALIASES))
    return found


def _texts(path: str) -> tuple[str, str]:
    """What a map of that name may be made from; BlueMind's is the first."""
    return f"{path}-flat", path


def _there(host: Host, paths: list[str]) -> set[str]:
    """Those of the files that exist, asked for at once."""
    if not paths:
        return set()
    printed = host.ask("find", *paths, "-maxdepth", "0", "-xtype", "f", "-print0").text
    return set(printed.split("\0"))


def textless(pair: Pair) -> list[str]:
    """Maps that are there in their indexed form alone: from that no other can be made."""
    known = {each.path for each in maps(pair)}
    lacking = [path for _, path in sorted(_named(pair)) if path not in known]
    ends = (".db", *_SUFFIX.values())
    there = _there(pair.source, [path + end for path in lacking for end in ends])
    return [path for path in lacking if any(path + end in there for end in ends)]


def _named(pair: Pair) -> dict[tuple[str, str], bool]:
    """Kind and path of each indexed map that the adapted configuration names to the target."""
    made = {path: text.decode(errors="surrogateescape") for path, text in adapted(pair).items()}
    return named(made[MAIN], made[MASTER], _defaults(pair.target))


def _defaults(host: Host) -> str:
    """What a machine's Postfix takes for what nobody has set."""
    return host.read("postconf", "-d")


def build(each: Map, place: Place = "target") -> Run:
    """Index the text and put the map in place at once, as BlueMind does."""
    suffix = _SUFFIX.get(each.kind, ".db")
    script = f'{each.indexer} "$1:$2" && {{ test "$2$3" = "$4" || mv -f "$2$3" "$4"; }}'
    return Run(place, ("sh", "-c", script, "build", each.kind, each.text, suffix, each.indexed))
