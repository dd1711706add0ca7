"""The service file: private, right for libpq whatever the password is, and the only place of it."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import pq

from transhume.core.change import Place
from transhume.errors import StepFailed, Unreachable
from transhume.hosts import postgres
from transhume.hosts.postgres import Credentials, Postgres


def _ini(password: str, user: str = "bj") -> bytes:
    text = f"[global]\nuser = {user}\npassword = {password}\nport = 5433\n"
    return text.encode(errors="surrogateescape")


def _written(known: Credentials, folder: Path) -> Path:
    """The service file for these credentials, without any server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "SERVICE_FILE", str(folder / "pg_service.conf"))
        patch.setenv("PGSERVICEFILE", "")
        patch.setattr(Postgres, "_works", lambda self, place: None)
        Postgres(lambda place: [known], folder).ensure("target")
    return folder / "pg_service.conf"


def _libpq(path: Path) -> dict[bytes, bytes | None]:
    """What libpq itself makes of it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PGPASSWORD", "PGUSER", "PGHOST", "PGPORT"):
            patch.delenv(name, raising=False)
        patch.setenv("PGSERVICEFILE", str(path))
        patch.setenv("PGSERVICE", "transhume-target")
        return {option.keyword: option.val for option in pq.Conninfo.get_defaults()}


@settings(max_examples=60)
@given(st.binary(max_size=20))
def test_libpq_reads_the_password_that_bm_ini_holds(raw: bytes) -> None:
    password = raw.translate(None, b"\0\n").decode(errors="surrogateescape")
    known = Credentials.from_ini(_ini(password))
    assert known
    with tempfile.TemporaryDirectory() as folder:
        seen = _libpq(_written(known, Path(folder)))
    assert seen[b"password"] == known.password.encode(errors="surrogateescape")
    assert known.password == password.strip(" \t\r\f\v")
    assert (seen[b"user"], seen[b"port"]) == (b"bj", b"5433")


def test_the_file_is_private(tmp_path: Path) -> None:
    path = _written(Credentials("bj", "s3cret", 5432), tmp_path / "run")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["pg_service.conf"]


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"[global]\nuser=bj\n",
        b"[global]\npassword=x\n",
        b"[global]\nuser=bj\npassword=x\nport=x\n",
    ],
)
def test_what_says_nothing_of_use_is_none(content: bytes | None) -> None:
    assert Credentials.from_ini(content) is None


@pytest.mark.parametrize("port", ["", "port =\n"])
def test_without_a_port_it_is_the_usual_one(port: str) -> None:
    known = Credentials.from_ini(f"[global]\nuser=bj\npassword=x\n{port}".encode())
    assert known == Credentials("bj", "x", 5432)


class Server:
    """Stands for psycopg: lets in whoever has the password, and answers as told."""

    def __init__(self, path: Path, password: str) -> None:
        self.path = path
        self.password = password
        self.answer: list[tuple[Any, ...]] | Exception = [(1,)]
        self.asked: list[tuple[bytes, Any]] = []
        self.options: list[dict[str, Any]] = []

    def connect(self, **options: Any) -> Any:
        """Log in with what the service file says."""
        self.options.append(options)
        if f"password={self.password}\n" not in self.path.read_text():
            raise psycopg.OperationalError("FATAL:  password authentication failed for user")
        return self

    def close(self) -> None:
        """Log out."""

    def execute(self, query: bytes, values: Any) -> Any:
        """Note the query."""
        self.asked.append((query, values))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self

    def fetchall(self) -> Any:
        """The rows."""
        return self.answer


@pytest.fixture
def server(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server whose role has the password of the wizard."""
    stands_for = Server(run_folder / "pg_service.conf", "wizard")

    monkeypatch.setattr(psycopg, "connect", stands_for.connect)
    return stands_for


def _known(place: Place) -> list[Credentials]:
    return [Credentials("bj", word, 5432) for word in ("source's", "wizard")]


def test_the_password_that_holds_is_found_and_found_again(server: Server) -> None:
    """The role's password changes in the middle of the move."""
    asked = Postgres(_known, Path("/sockets"))
    assert asked.query("target", "bj", "select 1", ()) == [(1,)]
    server.password = "source's"
    asked.close("target")
    assert asked.query("target", "bj", "select 1", ()) == [(1,)]


def test_each_place_has_its_own_section(server: Server) -> None:
    asked = Postgres(lambda place: [Credentials("bj", "wizard", 5433)], Path("/sockets"))
    asked.ensure("source")
    asked.ensure("target")
    text = server.path.read_text()
    assert "[transhume-source]\nhost=/sockets\nport=5432\n" in text
    assert "[transhume-target]\nhost=127.0.0.1\nport=5433\n" in text


def test_queries_only_read_and_name_no_password(server: Server) -> None:
    Postgres(_known, Path("/sockets")).query("target", "bj", "select %s", ("x",))
    assert (
        server.options[-1]["options"] == "-c default_transaction_read_only=on -c lock_timeout=10s"
    )
    assert "password" not in server.options[-1]
    assert server.asked == [(b"select %s", ("x",))]


def test_a_percent_sign_without_values_stays_one(server: Server) -> None:
    Postgres(_known, Path("/sockets")).query("target", "bj", "select '%'", ())
    assert server.asked == [(b"select '%'", None)]


def test_without_credentials_it_says_where_they_belong(server: Server) -> None:
    with pytest.raises(Unreachable, match="doesn't say how to log in") as lacking:
        Postgres(lambda place: [], Path("/sockets")).query("source", "bj", "select 1", ())
    assert "bm.ini" in lacking.value.remedy


def test_a_password_that_nobody_knows_is_unreachable(server: Server) -> None:
    server.password = "another"
    with pytest.raises(Unreachable, match="password authentication failed"):
        Postgres(_known, Path("/sockets")).query("target", "bj", "select 1", ())


def test_a_query_that_fails_says_why(server: Server) -> None:
    server.answer = psycopg.errors.UndefinedTable('relation "t_server" does not exist\nLINE 1')
    with pytest.raises(StepFailed, match=r"target's bj failed: relation .* does not exist$"):
        Postgres(_known, Path("/sockets")).query("target", "bj", "select 1", ())


def test_a_locked_table_is_no_server_that_doesnt_answer(server: Server, run_folder: Path) -> None:
    server.answer = psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")
    known = Postgres(lambda place: [Credentials("bj", "wizard", 5432)], run_folder)
    with pytest.raises(StepFailed, match="bj waited for more than 10 s: a table is locked") as told:
        known.query("source", "bj", "select 1 from t_server", ())
    assert "pg_locks" in told.value.remedy
