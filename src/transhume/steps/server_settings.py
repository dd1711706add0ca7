"""Bring what the admin set in PostgreSQL's own files: settings, and who may log in from where."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Await, Change, Keep, RemoveFile, Run, Series, WriteFile
from transhume.core.finding import Finding, Proof
from transhume.core.host import Host, Pair
from transhume.core.step import Step
from transhume.core.tally import Tally, Tell
from transhume.steps.written import written

_KEEP = Keep("nothing was altered")
_UNIT = "postgresql.service"
_OWNER = "postgres:postgres"
_KNOWN = "select name from pg_settings"
_HBA = "show hba_file"
# A rule's method is the distribution's habit; whom it is about is the admin's.
# Since PostgreSQL 16 a rule may stand in a file that is included; the column tells which.
_RULES = """
select line_number, concat_ws(' ', type, database::text, user_name::text, address, netmask)
from pg_hba_file_rules r
where error is null and coalesce(to_jsonb(r) ->> 'file_name', current_setting('hba_file'))
  = current_setting('hba_file') order by line_number
"""
_WRONG = """
select sourceline, name, error from pg_file_settings where error is not null and sourcefile = %s
"""
_WRONG_RULES = "select line_number, error from pg_hba_file_rules where error is not null"
_STARTED = "select extract(epoch from pg_postmaster_start_time())::float8"
# The sign of equality may be missing, and the blank as well: guc-file.l. A name with a dot is an
# extension's, which brings it when it is loaded.
_SETTING = re.compile(
    rb"[ \t\r]*([A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*)(\.[A-Za-z_\x80-\xff])?"
)
_NOTHING = re.compile(rb"[ \t\r]*(#.*)?", re.DOTALL)
_HEAD = b"# Brought from the old server by transhume.\n"
# These say where this machine keeps and offers things.
_OF_THE_MACHINE = {
    "cluster_name",
    "config_file",
    "data_directory",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "listen_addresses",
    "port",
    "ssl_ca_file",
    "ssl_cert_file",
    "ssl_crl_file",
    "ssl_key_file",
    "stats_temp_directory",
    "unix_socket_directories",
}
# A program that runs there may be missing here; and two servers that archive to one place spoil it.
_PROGRAMS = {
    "archive_cleanup_command",
    "archive_command",
    "archive_library",
    "archive_mode",
    "recovery_end_command",
    "restore_command",
    "ssl_passphrase_command",
}


@dataclass(frozen=True)
class ServerSettings(Step):
    """The file beside postgresql.conf that holds the site's own settings, and further rules.

    The server's other files stay those of its version. A setting that this version doesn't know,
    or that says where the machine keeps things or what it runs, becomes a comment; a rule is
    brought when the target has none about the same people.
    """

    name: str
    key = "server-settings"
    title = "bring PostgreSQL's own settings"
    why = "What was tuned, and who may log in, stands in files that no dump holds."
    phase = "prepare"
    rows = (16,)

    def run(self, pair: Pair) -> Iterator[Change]:
        wanted = list(self._wanted(pair))
        changes = [
            _write(path, content, pair.target.file(path), mode)
            for path, content, mode in wanted
            if pair.target.file(path) != content
        ]
        yield from changes
        # Also after a kill between the two.
        if changes or any(_newer_than_server(pair.target, path) for path, _, _ in wanted):
            yield Change("restart PostgreSQL with them", restarted(), _KEEP)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for path, content, _ in self._wanted(pair):
            if pair.target.file(path) != content:
                yield _finding(f"{path} doesn't hold what the source's does")
        yield from map(_finding, self._wrong(pair.target))

    def prove(self, pair: Pair, opened: float, tell: Tell) -> Iterator[Proof]:
        """The settings' file, and each of the source's rules; at any time after the move.

        `opened`: what was written since then (seconds since the epoch) is people's.
        """
        tally = Tally("PostgreSQL's own settings", "settings and rules", tell)
        here = _hba(pair.target)
        for path, content, _ in self._settings(pair):
            if pair.target.file(path) == content:
                tally.equal()
            else:
                _count(pair.target, path, opened, f"{path}: isn't the source's", tally)
        kept = {about for _, about in pair.target.sql("postgres", _RULES)}
        for _, about in pair.source.sql("postgres", _RULES):
            if about in kept:
                tally.equal()
            else:
                _count(pair.target, here, opened, f"{here}: no rule about {about}", tally)
        for said in self._wrong(pair.target):
            tally.differs(said)
        yield tally.proof()

    def _wrong(self, target: Host) -> Iterator[str]:
        """What the target's server doesn't understand of it."""
        local = posixpath.join(posixpath.dirname(_hba(target)), self.name)
        for line, name, error in target.sql("postgres", _WRONG, local):
            yield f"{local} line {line}, {name}: {error}"
        for line, error in target.sql("postgres", _WRONG_RULES):
            yield f"the rules' line {line}: {error}"

    def _wanted(self, pair: Pair) -> Iterator[tuple[str, bytes, str]]:
        """Each file that the target should have, with its mode."""
        yield from self._settings(pair)
        here = _hba(pair.target)
        rules = further_rules(pair)
        content = pair.target.file(here) or b""
        yield here, with_rules(content, rules) if rules else content, "0640"

    def _settings(self, pair: Pair) -> Iterator[tuple[str, bytes, str]]:
        """The site's own settings as the target should have them, where the source has any."""
        settings = pair.source.file(posixpath.join(posixpath.dirname(_hba(pair.source)), self.name))
        if settings is not None:
            path = posixpath.join(posixpath.dirname(_hba(pair.target)), self.name)
            yield path, understood(settings, _known(pair.target)), "0644"


def understood(content: bytes, known: frozenset[str]) -> bytes:
    """The file with every setting made a comment that this server shouldn't be told."""
    lines = content.split(b"\n")
    kept = [line if _is_known(line, known) else b"# not for this server: " + line for line in lines]
    return b"\n".join(kept)


def _is_known(line: bytes, known: frozenset[str]) -> bool:
    found = _SETTING.match(line)
    if found is None:
        # What is no setting at all would keep the server from starting.
        return _NOTHING.fullmatch(line) is not None
    return found[2] is not None or found[1].decode(errors="replace").lower() in known


def further_rules(pair: Pair) -> list[bytes]:
    """The source's rules about people and addresses that the target has no rule about."""
    known = {about for _, about in pair.target.sql("postgres", _RULES)}
    text = (pair.source.file(_hba(pair.source)) or b"").split(b"\n")
    wanted = [number for number, about in pair.source.sql("postgres", _RULES) if about not in known]
    return [_rule(text, number) for number in wanted]


def _rule(text: list[bytes], number: int) -> bytes:
    """The rule that begins in that line; a backslash at a line's end has it go on in the next."""
    if not 1 <= number <= len(text):
        raise ValueError(f"the rules have no line {number}")
    lines = [text[number - 1]]
    for line in text[number:]:
        if not lines[-1].endswith(b"\\"):
            break
        lines.append(line)
    return b"\n".join(lines)


def with_rules(content: bytes, rules: list[bytes]) -> bytes:
    """The rules after the target's own, which decide first as they did before."""
    return content.rstrip(b"\n") + b"\n" + _HEAD + b"\n".join(rules) + b"\n"


def _known(host: Host) -> frozenset[str]:
    names = {str(name).lower() for (name,) in host.sql("postgres", _KNOWN)}
    return frozenset(names - _OF_THE_MACHINE - _PROGRAMS)


def _newer_than_server(host: Host, path: str) -> bool:
    written = float(host.read("stat", "-c", "%.9Y", path))
    return written > float(host.sql("postgres", _STARTED)[0][0])


def _hba(host: Host) -> str:
    return str(host.sql("postgres", _HBA)[0][0])


def _write(path: str, content: bytes, former: bytes | None, mode: str) -> Change:
    back = RemoveFile("target", path)
    put_back = back if former is None else WriteFile("target", path, former, mode, _OWNER)
    act = WriteFile("target", path, content, mode, _OWNER)
    return Change(f"write {path}", act, Series((put_back, restarted())))


def restarted() -> Series:
    """Restart the target's PostgreSQL and wait until it answers."""
    # Debian's postgresql.service is an umbrella: it is active before the server answers.
    ready = ("sh", "-c", "pg_isready -q || test -S /run/postgresql/.s.PGSQL.5432")
    return Series((Run("target", ("systemctl", "restart", _UNIT)), Await("target", ready, 60)))


def _count(target: Host, path: str, opened: float, said: str, tally: Tally) -> None:
    if written(target, path) >= opened:
        tally.excused()
    else:
        tally.differs(said)


def _finding(seen: str) -> Finding:
    return Finding("server-settings", "blocks", "target", seen)
