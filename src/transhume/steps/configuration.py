"""Bring the source's configuration while people work, and keep what it replaces."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from psycopg import sql

from transhume.core import ini
from transhume.core.change import Change, Keep, Run, SyncFiles, SyncTree, Together, WriteFile, psql
from transhume.core.finding import Finding, Proof
from transhume.core.host import Host, Pair
from transhume.core.step import Step
from transhume.errors import StepFailed
from transhume.steps import manifest, map_proof, postfix
from transhume.steps.tree_proof import prove_trees

# Kept once and whole: a second attempt must not overwrite it with what the first one brought.
# (Not with cp --parents, which in coreutils 9.1 finds absolute paths only while in /.)
_KEEP_ASIDE = (
    'd=$1; shift; test -e "$d" && exit 0; rm -rf "$d.part"; mkdir -p -m 0700 "$d.part"; '
    'for p in "$@"; do if test -e "$p" || test -L "$p"; then '
    'rsync -aHAX --relative "$p" "$d.part/" || exit 1; fi; done; '
    'sync -f "$d.part"; mv -T "$d.part" "$d"'
)
_PUT_BACK = (
    'd=$1; shift; test -d "$d" || exit 0; for p in "$@"; do '
    'if test -d "$d$p" && ! test -L "$d$p"; then '
    'mkdir -p "$p" && rsync -aHAX --checksum --delete "$d$p/" "$p/" || exit 1; '
    'elif test -e "$d$p" || test -L "$d$p"; then rsync -aHAX --checksum "$d$p" "$p" || exit 1; '
    'else rm -rf -- "$p"; fi; done; sync'
)


PUT_BACK_WHOLE = Keep("what was kept aside is put back as a whole")


@dataclass(frozen=True)
class Configuration(Step):
    """Folders are mirrored with the wizard's leftovers removed, files copied; both are kept aside.

    What changes after it is brought by `FinishConfiguration`.

    `files` may hold shell patterns; `own` stays as the target has it. Postfix's main.cf and
    master.cf aren't copied blindly: see postfix.py. `ini` holds the password of the role.
    """

    folders: tuple[str, ...]
    files: tuple[str, ...]
    own: tuple[str, ...]
    kept: str
    ini: str
    key = "configuration"
    title = "bring the configuration"
    why = "The target answers as the source did; what it had is kept for the way back."
    phase = "cutover"
    rows = (14, 15)
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        folders, files = self.present(pair)
        maps = self.maps(pair)
        indexed = tuple(each.indexed for each in maps)
        brought = (*folders, *files, postfix.MAIN, postfix.MASTER, *indexed)
        # What only the target has by now as well: the source may get such a file before the end.
        kept = dict.fromkeys((*brought, *self._own(pair)))
        aside = Run("target", ("sh", "-c", _KEEP_ASIDE, "keep", self.kept, *kept))
        yield Change("keep what is replaced", aside, self.put_back(brought))
        yield Change("mirror folders", self.mirrored(folders, files), PUT_BACK_WHOLE)
        for path, content in postfix.adapted(pair).items():
            yield Change(f"write {path}", WriteFile("target", path, content), PUT_BACK_WHOLE)
        for each in maps:
            yield Change(f"build the map {each.path}", postfix.build(each), PUT_BACK_WHOLE)
        yield self.password(pair)
        yield durable(folders)

    def _own(self, pair: Pair) -> Iterator[str]:
        """What the target has under these names."""
        yield from expanded(pair.target, self.folders, "d")
        yield from (path for path in expanded(pair.target, self.files, "f") if not self.stays(path))

    def put_back(self, paths: Iterable[str]) -> Run:
        """The act that gives the target its own of these again; what it had none of goes."""
        return Run("target", ("sh", "-c", _PUT_BACK, "put-back", self.kept, *paths))

    def mirrored(self, folders: tuple[str, ...], files: tuple[str, ...]) -> Together:
        """The act that makes these equal to the source's."""
        return Together((*(self._mirror(folder) for folder in folders), SyncFiles(files)))

    def _mirror(self, folder: str) -> SyncTree:
        return SyncTree(folder, finish=True, exclude=self.kept_in(folder), contents=True)

    def kept_in(self, folder: str) -> tuple[str, ...]:
        """What in a folder stays as the target has it: patterns from the folder on."""
        inside = (path for path in self.own if path.startswith(f"{folder}/"))
        return tuple(path.removeprefix(folder) for path in inside)

    def password(self, pair: Pair) -> Change:
        """Let the target's own server read the password from the file and encrypt it itself."""
        role = ini.section(pair.source.file(self.ini), "global").get("user", "")
        quoted = sql.Identifier(role).as_string()
        script = (
            # Nowhere in the server's log nor in its statistics.
            "set log_statement = 'none';\nset log_min_duration_statement = -1;\n"
            "set log_min_error_statement = 'panic';\nset pg_stat_statements.track = 'none';\n"
            f"\\set secret `{ini.reading(self.ini, 'global', 'password')}`\n"
            f"alter role {quoted} password :'secret';\n"
        )
        return Change("set the database role's password", psql("postgres", script), PUT_BACK_WHOLE)

    def maps(self, pair: Pair) -> list[postfix.Map]:
        """The indexed maps to build: those whose text is brought, or is the target's own already.

        main.cf may name any path. What can't be built differs in the proof.
        """
        return [
            each
            for each in postfix.maps(pair)
            if self._brings(each.text) or pair.target.file(each.text) is not None
        ]

    def _brings(self, path: str) -> bool:
        parts = path.split("/")
        above = ("/".join(parts[:depth]) for depth in range(2, len(parts)))
        inside = ".." not in parts and any(_named_by(folder, self.folders) for folder in above)
        return inside or _named_by(path, self.files)

    def present(self, pair: Pair) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The folders and files that the source has, patterns expanded there."""
        folders = expanded(pair.source, self.folders, "d")
        files = expanded(pair.source, self.files, "f")
        return folders, tuple(path for path in files if not self.stays(path))

    def stays(self, path: str) -> bool:
        """Whether the target keeps its own."""
        return any(fnmatchcase(path, pattern) for pattern in self.own)

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        yield from self.equal(pair)
        yield from map_proof.answers(pair.source, pair.target, postfix.maps(pair))

    def equal(self, pair: Pair) -> Iterator[Finding | Proof]:
        """The proofs that every byte is the source's, by one listing on each side."""
        folders, files = self.present(pair)
        for proof in prove_trees(pair, self.listed(folders, files)):
            yield replace(proof, part=FILES) if proof.part == "/" else proof
        # Of a symbolic link the listing says where it leads, not what is there.
        for path in _links(pair.source, files):
            if pair.source.file(path) != pair.target.file(path):
                yield Finding("file-differs", "blocks", "target", f"{path} isn't the source's")

    def listed(self, folders: tuple[str, ...], files: tuple[str, ...]) -> list[manifest.Tree]:
        """What is listed to compare these."""
        single = manifest.Tree("/", (), "bytes", tuple(path.lstrip("/") for path in files))
        whole = [manifest.Tree(path, self.kept_in(path), "bytes") for path in folders]
        return [*whole, single] if files else whole


FILES = "single files"
"""The part that stands for those that are in no folder which moves whole."""


def durable(folders: tuple[str, ...]) -> Change:
    """Wait until what was brought is on the target's disk."""
    act = Run("target", ("sync", "--file-system", *folders, "/etc"))
    return Change("wait until it is on disk", act, PUT_BACK_WHOLE)


def _links(host: Host, files: tuple[str, ...]) -> list[str]:
    if not files:
        return []
    found = host.ask("find", *files, "-maxdepth", "0", "-type", "l", "-print0")
    return [path for path in found.text.split("\0") if path]


def expanded(host: Host, patterns: tuple[str, ...], kind: Literal["d", "f"]) -> tuple[str, ...]:
    """The folders or files of a machine that these patterns name, each once."""
    if not patterns:
        return ()
    folders = dict.fromkeys(posixpath.dirname(pattern) for pattern in patterns)
    wanted = [word for pattern in patterns for word in ("-o", "-path", pattern)][1:]
    # Once for all. A folder that isn't there names nothing.
    depth = ("-mindepth", "1", "-maxdepth", "1", "-xtype", kind)
    printed = host.ask("find", *folders, *depth, "(", *wanted, ")", "-print0").text
    found = {path for path in printed.split("\0") if path}
    for path in found:
        # What isn't asked for would be overwritten here: find(1) on the other side decides nothing.
        if not _named_by(path, patterns):
            raise StepFailed(f"the {host.place} names {path}, which was not asked for")
    return tuple(sorted(found))


def _named_by(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a path is one of those that the patterns stand for; a star stays in its folder."""
    parts = path.split("/")
    return not {".", ".."} & set(parts) and any(
        len(parts) == len(pattern.split("/")) and all(map(fnmatchcase, parts, pattern.split("/")))
        for pattern in patterns
    )
