"""One machine of the move: looked at through Host, altered through Hand."""

from __future__ import annotations

import json
import re
import smtplib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx

from transhume.agent import BOOT, program
from transhume.core.change import SSH_BULK, Command, Place
from transhume.core.host import May, Output, Snapshot
from transhume.errors import EnvironmentLacks, StepFailed, Unreachable
from transhume.hosts.line import Line
from transhume.hosts.memory import TELL, Peaks
from transhume.hosts.postgres import SERVICE, Postgres
from transhume.hosts.process import Processes, Talking
from transhume.hosts.reading import only_reads
from transhume.hosts.ssh import SOCKETS, Ssh, remote

CORE_SOCKET = "core.sock"
POSTGRES_SOCKET = ".s.PGSQL.5432"
_MOST = 64 << 20
"""Bytes of an answer of the core: a list of a million mailboxes has half of that."""
_DROPPING = b"drop database"
_MOST_SAID = 1 << 16
"""Bytes that a mail server may say in one visit."""


@dataclass(frozen=True)
class Core:
    """The server's own HTTP interface: its port on the loopback, and the file with its key."""

    port: int
    token: str


class _Bounded:
    """What a mail server says, up to an end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = _MOST_SAID
        self.close = file.close

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise OSError(f"it says more than {_MOST_SAID} bytes")
        return line


class _Session(smtplib.SMTP):
    """One that keeps the banner, which is the first reply."""

    banner = ""

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))
        code, said = super().getreply()
        self.banner = self.banner or f"{code} {said.decode(errors='replace')}"
        return code, said


@dataclass(frozen=True)
class Machine:
    """The source over ssh, or the target here."""

    place: Place
    processes: Processes
    ssh: Ssh
    postgres: Postgres
    core: Core
    peaks: Peaks
    line: Line = field(default_factory=Line)

    def ask(self, *argv: str) -> Output:
        """Run a command that only reads; ValueError for any other, which is a mistake of ours."""
        if not only_reads(argv):
            raise ValueError(f"not known as a command that only reads: {argv}")
        if self.place == "source":
            return self.ssh.ask(argv)
        return self._execute(argv, b"", None)

    def read(self, *argv: str) -> str:
        """What a reading command prints; StepFailed when it fails."""
        output = self.ask(*argv)
        if output.status != 0:
            said = output.stderr.decode(errors="replace").strip().splitlines()[-1:] or [""]
            raise StepFailed(
                f"{' '.join(argv[:3])} … failed on the {self.place} "
                f"(status {output.status}): {said[0]}"
            )
        return output.text

    def file(self, path: str) -> bytes | None:
        """A file's content; None when there is none."""
        if self.place == "target":
            return _content(path)
        output = self.ask("cat", "--", path)
        if output.status == 0:
            return output.stdout
        if b"No such file" in output.stderr or b"Not a directory" in output.stderr:
            return None
        said = output.stderr.decode(errors="replace").strip()
        raise StepFailed(f"a file can't be read on the {self.place}: {said}")

    def sql(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query, in a read-only transaction."""
        if self.place == "source":
            self.ssh.ensure_tunnel()
        return self.postgres.query(self.place, database, query, values)

    def snapshot(self, database: str, jobs: int) -> AbstractContextManager[Snapshot]:
        """The database as it is now, over several connections."""
        if self.place == "source":
            self.ssh.ensure_tunnel()
        return self.postgres.snapshot(self.place, database, jobs)

    def api(self, path: str) -> Any:
        """What the core answers to GET; None for 404."""
        try:
            headers = {"X-BM-ApiKey": self._key()}
            with self._client() as client, client.stream("GET", path, headers=headers) as answer:
                if answer.status_code == httpx.codes.NOT_FOUND:
                    return None
                return json.loads(_whole(answer.raise_for_status()))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            raise Unreachable(
                f"the {self.place}'s core doesn't answer GET {path}: {error}",
                remedy=f"on the {self.place}: bmctl status",
            ) from None

    def _key(self) -> str:
        """The core's key; what isn't one is never quoted in an error."""
        key = (self.file(self.core.token) or b"").strip()
        if not re.fullmatch(rb"[!-~]*", key):
            raise ValueError(f"{self.core.token} holds no key")
        return key.decode()

    def agent(self, name: str, *arguments: str, stdin: bytes = b"") -> Iterator[bytes]:
        """The lines that one of our programs prints there, as they come."""
        text = program(name)
        # Here our own Python runs it, which has the libraries that we brought.
        python = "python3" if self.place == "source" else sys.executable
        argv = (python, "-I", "-c", BOOT + TELL, str(len(text)), *arguments)
        on = self.ssh if self.place == "source" else self.processes
        try:
            yield from on.lines(argv, text + stdin, self.peaks.of(self.place))
        except StepFailed as error:
            raise StepFailed(f"{name} on the {self.place}: {error.what}") from None

    def greeting(self, address: str) -> str:
        """What the mail server at this address says first."""
        with self._mail(address) as session:
            return session.banner

    def recipients(self, address: str, *wanted: str) -> tuple[int, ...]:
        """The codes for these recipients, as a visitor who then goes away without a word."""
        with self._mail(address) as session:
            session.ehlo()
            session.docmd("MAIL FROM:<>")
            return tuple(session.docmd(f"RCPT TO:<{each}>")[0] for each in wanted)

    @contextmanager
    def _mail(self, address: str) -> Iterator[_Session]:
        try:
            with _Session(address, timeout=20) as session:
                yield session
        except (smtplib.SMTPException, OSError) as error:
            raise Unreachable(
                f"the mail server at {address} doesn't answer: {error}",
                remedy=f"on the {self.place}: systemctl status postfix",
            ) from None

    def _client(self) -> httpx.Client:
        # The core's port is closed to other machines by BlueMind's firewall, hence the tunnel.
        base = f"http://127.0.0.1:{self.core.port}"
        if self.place == "target":
            return httpx.Client(base_url=base, timeout=20, trust_env=False)
        self.ssh.ensure_tunnel()
        transport = httpx.HTTPTransport(uds=str(SOCKETS / CORE_SOCKET))
        return httpx.Client(base_url=base, transport=transport, timeout=20, trust_env=False)

    def run(self, command: Command, heard: Callable[[str], None], may: May | None = None) -> Output:
        """Run a command that may alter this machine, held back while `may` says no."""
        if _DROPPING in command.input:
            self.postgres.close(self.place)
        return self._execute(command.argv, command.input, heard, may)

    def talk(self, command: Command) -> Talking:
        """Start a command that may alter this machine, to talk with; the caller ends it."""
        argv = remote(command.argv) if self.place == "source" else command.argv
        self._reach(argv)
        return self.processes.talk(argv)

    def _execute(
        self,
        argv: tuple[str, ...],
        stdin: bytes,
        heard: Callable[[str], None] | None,
        may: May | None = None,
    ) -> Output:
        if self.place == "source":
            # What is held back runs on the target, whichever way it copies.
            return self.ssh.run(argv, stdin, heard)
        self._reach(argv)
        try:
            return self.processes.run(argv, stdin, heard, may and self._counted(may))
        except EnvironmentLacks as lack:
            # As a shell says it, and the source with it.
            return Output(127, b"", lack.what.encode())

    def _counted(self, may: May) -> Callable[[], bool]:
        """`may` with what was carried since; what went before it began isn't its own."""
        self.line.news()
        return lambda: may(self.line.news())

    def _reach(self, argv: tuple[str, ...]) -> None:
        words = " ".join(argv)
        if SSH_BULK in words:
            self.ssh.ensure_bulk()
        if f"service={SERVICE['source']}" in words:
            self.ssh.ensure_tunnel()
            self.postgres.ensure("source")
        if f"service={SERVICE['target']}" in words:
            self.postgres.ensure("target")


def _content(path: str) -> bytes | None:
    """A file of this machine's: to start a program for each takes longer than to read it."""
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise StepFailed(f"a file can't be read on the target: {error}") from None


def _whole(answer: httpx.Response) -> bytes:
    """The body; ValueError when it has no end."""
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > _MOST:
            raise ValueError(f"the answer is longer than {_MOST >> 20} MiB")
    return bytes(body)


def machines(
    processes: Processes, ssh: Ssh, postgres: Postgres, core: Core, peaks: Peaks
) -> Mapping[Place, Machine]:
    """Both machines by their place; `peaks` notes what the programs that are sent there take."""
    places: tuple[Place, Place] = ("source", "target")
    return {place: Machine(place, processes, ssh, postgres, core, peaks) for place in places}
