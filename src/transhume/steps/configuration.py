"""Bring the source's configuration, show it as a diff first, and keep what it replaces."""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from psycopg import sql

from transhume.core import ini
from transhume.core.change import Change, Keep, Run, SyncFiles, SyncTree, Together, WriteFile, psql
from transhume.core.finding import Finding, Proof
from transhume.core.host import Host, Pair
from transhume.core.step import Step
from transhume.steps import manifest, postfix
from transhume.steps.tree_proof import prove_trees

# Of these files nothing is shown; elsewhere nothing that stands beside such a word.
_SECRET_FILE = re.compile(r"(?i)passw|\.tok$|secret|credential|sasl")
_SECRET = re.compile(r"(?i)passw|secret|token|\w*key\b")

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


@dataclass(frozen=True)
class Configuration(Step):
    """Folders are mirrored with the wizard's leftovers removed, files copied; both are kept aside.

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
    account = "configuration"
    usual = (0.5, 2.0)
    rows = (14, 15)
    settled_by = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        folders, files = self.present(pair)
        maps = postfix.maps(pair)
        indexed = tuple(each.indexed for each in maps)
        everything = (*folders, *files, postfix.MAIN, postfix.MASTER, *indexed)
        yield Change(
            "keep what is replaced",
            Run("target", ("sh", "-c", _KEEP_ASIDE, "keep", self.kept, *everything)),
            Run("target", ("sh", "-c", _PUT_BACK, "put-back", self.kept, *everything)),
        )
        back = Keep("what was kept aside is put back as a whole")
        acts = tuple(self._mirror(folder) for folder in folders)
        yield Change("mirror folders", Together((*acts, SyncFiles(files))), back)
        for path, content in postfix.adapted(pair).items():
            yield Change(f"write {path}", WriteFile("target", path, content), back)
        for each in maps:
            yield Change(f"build the map {each.path}", postfix.build(each), back)
        yield Change("set the database role's password", self._password(pair), back)
        durable = Run("target", ("sync", "--file-system", *folders, "/etc"))
        yield Change("wait until it is on disk", durable, back)

    def _mirror(self, folder: str) -> SyncTree:
        return SyncTree(folder, finish=True, exclude=self._own(folder), contents=True)

    def _own(self, folder: str) -> tuple[str, ...]:
        """What in a folder stays as the target has it: patterns from the folder on."""
        inside = (path for path in self.own if path.startswith(f"{folder}/"))
        return tuple(path.removeprefix(folder) for path in inside)

    def _password(self, pair: Pair) -> Run:
        """Let the target's own server read the password from the file and encrypt it itself."""
        role = pair.source.sql("postgres", "select current_user")[0][0]
        quoted = sql.Identifier(role).as_string()
        script = (
            # Nowhere in the server's log nor in its statistics.
            "set log_statement = 'none';\nset log_min_duration_statement = -1;\n"
            "set log_min_error_statement = 'panic';\nset pg_stat_statements.track = 'none';\n"
            f"\\set secret `{ini.reading(self.ini, 'global', 'password')}`\n"
            f"alter role {quoted} password :'secret';\n"
        )
        return psql("postgres", script)

    def present(self, pair: Pair) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The folders and files that the source has, patterns expanded there."""
        folders = expanded(pair.source, self.folders, "d")
        files = expanded(pair.source, self.files, "f")
        return folders, tuple(path for path in files if not self._stays(path))

    def _stays(self, path: str) -> bool:
        return any(fnmatchcase(path, pattern) for pattern in self.own)

    def diff(self, pair: Pair) -> Iterator[str]:
        """What would change on the target, as unified diffs; secrets are masked."""
        folders, files = self.present(pair)
        listed = [path for folder in folders for path in _files(pair.source, folder)]
        extra = [path for folder in folders for path in _files(pair.target, folder)]
        wanted = postfix.adapted(pair)
        for path in sorted({*listed, *extra, *files}):
            if self._stays(path):
                continue
            yield from _diff(path, pair.target.file(path), pair.source.file(path))
        for path, content in wanted.items():
            yield from _diff(path, pair.target.file(path), content)

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        folders, files = self.present(pair)
        wanted = [manifest.Tree(path, self._own(path), "bytes") for path in folders]
        yield from prove_trees(pair, wanted)
        for path in files:
            if pair.source.file(path) != pair.target.file(path):
                yield Finding("file-differs", "blocks", "target", f"{path} isn't the source's")
        yield from postfix.answers(pair.source, pair.target, postfix.maps(pair))


def expanded(host: Host, patterns: tuple[str, ...], kind: Literal["d", "f"]) -> tuple[str, ...]:
    """The folders or files of a machine that these patterns name, each once."""
    found: dict[str, None] = {}
    for pattern in patterns:
        folder, name = posixpath.split(pattern)
        within = ("find", folder, "-maxdepth", "1", "-xtype", kind, "-name", name, "-print0")
        # A folder that isn't there names nothing.
        found |= dict.fromkeys(sorted(path for path in host.ask(*within).text.split("\0") if path))
    return tuple(found)


def _files(host: Host, folder: str) -> list[str]:
    output = host.ask("find", folder, "-type", "f", "-print0")
    return [path for path in output.text.split("\0") if path]


def _diff(path: str, before: bytes | None, after: bytes | None) -> Iterator[str]:
    if before == after:
        return
    if b"\0" in (before or b"") + (after or b""):
        yield f"{path}: binary, {len(before or b'')} bytes become {len(after or b'')}"
        return
    old, new = (_masked(path, content or b"").split("\n") for content in (before, after))
    named = (f"target:{path}", f"source:{path}")
    shown = list(difflib.unified_diff(old, new, *named, lineterm="", n=1))
    yield from shown or [f"{path}: differs in what isn't shown"]


def _masked(path: str, content: bytes) -> str:
    text = content.decode(errors="replace")
    if text and (_SECRET_FILE.search(path) or "PRIVATE KEY" in text):
        return "(secret)"
    return "\n".join(_masked_line(line) for line in text.split("\n"))


def _masked_line(line: str) -> str:
    """The line up to the first word for a secret; whatever follows it may be one."""
    found = _SECRET.search(line)
    return f"{line[: found.end()]}(masked)" if found and line[found.end() :].strip() else line
