"""Postfix: what of its configuration the target would read otherwise, or wouldn't find."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.steps import map_names, postfix
from transhume.steps.requirements.remedy import quoted

_NAMED_FILE = re.compile(r"(?<![\w.$/-])/(?:etc|opt|root|home|srv|usr/local|var/lib)/[\w./@+-]*\w")


_NAMED = 5
"""So many lines of a map are named."""


def queue_size(count: Callable[[Host], int]) -> Look:
    """Say that queued mail moves along."""

    def look(pair: Pair) -> Iterator[Finding]:
        waiting = count(pair.source)
        if waiting:
            yield Finding(
                "queue",
                "notes",
                "source",
                f"{waiting} messages are queued; they move along",
                "The page leaves the queue behind: whoever sent them would never know.",
                "nothing to do: the step move-queue brings them; to see them there: postqueue -p",
            )

    return look


def maps(pair: Pair) -> Iterator[Finding]:
    """Maps are indexed anew on the target: that takes their text, and a kind that it knows."""
    for path in postfix.textless(pair):
        yield Finding(
            "map-textless",
            "blocks",
            "source",
            f"{path} is there in its indexed form alone",
            "That form differs between distributions: Postfix couldn't open it and would stop.",
            f"put its text back: postmap -s {quoted(path)} >{quoted(path)}",
        )
    for each in postfix.maps(pair):
        yield from _left_out(each, pair.source)
    lacking = sorted(postfix.supported(pair.source) - postfix.supported(pair.target))
    used = [kind for kind in lacking if re.search(rf"\b{re.escape(kind)}:", _written(pair.source))]
    replaced = [kind for kind in used if kind in map_names.INDEXED]
    if replaced:
        yield Finding(
            "map-type",
            "notes",
            "target",
            f"its Postfix doesn't read {', '.join(replaced)} maps",
            f"They are made as {postfix.map_type(pair.target)}, and main.cf says so.",
        )
    for kind in sorted(set(used) - set(replaced)):
        yield Finding(
            "map-type-missing",
            "blocks",
            "target",
            f"its Postfix doesn't know maps of the kind {kind}, which the source uses",
            "Mail would be deferred at the first lookup.",
            f"apt install {quoted(f'postfix-{kind}')}",
        )


def _left_out(each: postfix.Map, source: Host) -> Iterator[Finding]:
    text = each.read(source)
    if text is None or not text.wrong:
        return
    named = ", ".join(map(str, text.wrong[:_NAMED]))
    more = f" and {len(text.wrong) - _NAMED} more" if len(text.wrong) > _NAMED else ""
    yield Finding(
        "map-syntax",
        "warns",
        "source",
        f"{each.text} has lines that aren't a key and a value: {named}{more}",
        "Postfix leaves them out: whatever they were meant for isn't answered, here and there.",
        f"mend them on the source, then there: {each.indexer} {quoted(each.kind)}:"
        f"{quoted(each.text)}",
    )


def chroot(pair: Pair) -> Iterator[Finding]:
    """The chroot habit is a distribution's own: say for how many services it stays."""
    master = (pair.source.file(postfix.MASTER) or b"").decode(errors="surrogateescape")
    written = postfix.adapted(pair)[postfix.MASTER].decode(errors="surrogateescape")
    pairs = zip(master.split("\n"), written.split("\n"), strict=False)
    kept = sum(1 for theirs, ours in pairs if theirs != ours)
    if kept:
        yield Finding(
            "chroot",
            "notes",
            "target",
            f"{kept} services of master.cf keep this distribution's chroot habit",
            "A chroot jail that nothing filled stops mail.",
            "nothing to do; where one is to be jailed all the same, after the move, for example: "
            "postconf -F smtp/inet/chroot=y",
        )


def host_name(pair: Pair) -> Iterator[Finding]:
    """Without myhostname in main.cf the banner says the machine's own name."""
    there, here = (host.read("postconf", "-h", "myhostname").strip() for host in _both(pair))
    main = (pair.source.file(postfix.MAIN) or b"").decode(errors="surrogateescape")
    if there == here:
        return
    if re.search(r"^myhostname\s*=", main, re.MULTILINE):
        yield Finding(
            "host-name-moves",
            "notes",
            "source",
            f"main.cf calls the mail server {there}; here it calls itself {here}",
            "Receivers compare the name with DNS: it must be that of the address in the end.",
            "nothing to do: the step configuration brings the name; to see it: postconf myhostname",
        )
    else:
        yield Finding(
            "host-name",
            "warns",
            "target",
            f"its mail server would call itself {here}, the source's calls itself {there}",
            "Receivers compare the name with DNS, and refuse or suspect what differs.",
            f"on the source: postconf -e {quoted(f'myhostname = {there}')}",
        )


def named_files(moved: Callable[[str], bool]) -> Look:
    """Files that Postfix names and that nothing brings: keys, lists, scripts."""

    def look(pair: Pair) -> Iterator[Finding]:
        named = sorted(set(_NAMED_FILE.findall(_written(pair.source))))
        wanted = [path for path in named if not moved(path)]
        if not wanted:
            return
        there, here = (_existing(host, wanted) for host in _both(pair))
        for path in sorted(there - here):
            yield Finding(
                "mail-file-left",
                "warns",
                "source",
                f"Postfix names {path}, which doesn't move and isn't on the target",
                "What needs it stops working: a certificate, a list, a script.",
                f"rsync -aHAX {quoted(f'origsrv:{path}')} {quoted(path)}",
            )

    return look


def _written(host: Host) -> str:
    """main.cf and master.cf without their comments."""
    texts = [(host.file(path) or b"").decode(errors="surrogateescape") for path in _FILES]
    lines = "\n".join(texts).split("\n")
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


_FILES = (postfix.MAIN, postfix.MASTER)


def _existing(host: Host, paths: list[str]) -> set[str]:
    # What isn't there makes its status an error, and is no line of its output.
    return set(host.ask("ls", "-d", "--", *paths).text.splitlines()) & set(paths)


def _both(pair: Pair) -> tuple[Host, Host]:
    return pair.source, pair.target
