"""One machine: looked at with reading commands alone, asked over HTTP, altered by commands."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from transhume.core.change import Command, DumpDatabase, Place
from transhume.core.host import Output
from transhume.errors import EnvironmentLacks, StepFailed, Unreachable
from transhume.hosts import machine
from transhume.hosts.machine import Core, Machine, machines
from transhume.hosts.memory import Peaks
from transhume.hosts.postgres import Postgres
from transhume.hosts.process import Processes
from transhume.hosts.ssh import Ssh

CORE = Core(8090, "/etc/bm/bm-core.tok")


@dataclass
class Around:
    """Stands for the processes, the way to the source and PostgreSQL, and notes all."""

    output: Output = field(default_factory=lambda: Output(0, b"", b""))
    noted: list[str] = field(default_factory=list)
    missing: bool = False
    peaks: Peaks = field(default_factory=Peaks)

    def run(
        self,
        argv: Sequence[str],
        stdin: bytes = b"",
        heard: Callable[[str], None] | None = None,
        may: Callable[[], bool] | None = None,
    ) -> Output:
        """Run nothing."""
        if self.missing:
            raise EnvironmentLacks("the program x is missing on this machine")
        self.noted.append(" ".join(argv))
        return self.output

    def ask(self, argv: Sequence[str]) -> Output:
        """Note the question."""
        return self.run(argv)

    def lines(
        self, argv: Sequence[str], stdin: bytes, aside: Callable[[bytes], None]
    ) -> Iterator[bytes]:
        """Run it here, whichever machine it was meant for."""
        self.noted.append(" ".join(argv))
        return Processes().lines(argv, stdin, aside)

    def ensure_tunnel(self) -> None:
        """Note that the tunnel was needed."""
        self.noted.append("tunnel")

    def ensure(self, place: Place) -> None:
        """Note whose service file was needed."""
        self.noted.append(f"service {place}")

    def close(self, *places: Place) -> None:
        """Note whose connections were closed."""
        self.noted.append(f"log out {' '.join(places)}")

    def query(self, place: Place, database: str, query: str, values: tuple[object, ...]) -> Any:
        """Note the query."""
        self.noted.append(f"{place} {database}: {query} {values}")
        return [(1,)]


def _machine(place: Place, around: Around) -> Machine:
    ways = cast(Processes, around), cast(Ssh, around), cast(Postgres, around)
    return machines(*ways, CORE, around.peaks)[place]


def test_a_command_that_may_alter_isnt_asked() -> None:
    around = Around()
    with pytest.raises(ValueError, match="not known as a command that only reads"):
        _machine("source", around).ask("systemctl", "stop", "postfix")
    assert around.noted == []


def test_a_reading_command_must_succeed_to_be_believed() -> None:
    around = Around(Output(1, b"half", b"du: cannot access\ndu: gone\n"))
    assert _machine("source", around).ask("du", "-s", "/x").status == 1
    with pytest.raises(StepFailed, match=r"du -s /x … failed on the source \(status 1\): du: gone"):
        _machine("source", around).read("du", "-s", "/x")


def test_output_that_is_no_text_survives() -> None:
    around = Around(Output(0, b"caf\xe9\n", b""))
    assert _machine("target", around).read("ls").encode(errors="surrogateescape") == b"caf\xe9\n"


@pytest.mark.parametrize("said", [b"cat: /x: No such file or directory", b"Not a directory"])
def test_a_file_that_isnt_there_is_none(said: bytes) -> None:
    assert _machine("source", Around(Output(1, b"", said))).file("/x") is None


def test_a_file_that_cant_be_read_is_no_missing_file(tmp_path: Path) -> None:
    around = Around(Output(1, b"", b"cat: /x: Input/output error"))
    with pytest.raises(StepFailed, match="Input/output error"):
        _machine("source", around).file("/x")
    with pytest.raises(StepFailed, match=r"on the target: .*directory"):
        _machine("target", around).file(str(tmp_path))


def test_a_file_of_this_machine_is_read_without_a_program(tmp_path: Path) -> None:
    around = Around()
    (tmp_path / "caf\udce9").write_bytes(b"caf\xe9\n")
    here = _machine("target", around)
    assert here.file(str(tmp_path / "caf\udce9")) == b"caf\xe9\n"
    assert here.file(str(tmp_path / "none")) is None
    assert here.file(str(tmp_path / "caf\udce9" / "inside")) is None
    with pytest.raises(StepFailed):
        here.file("/x\0")
    assert around.noted == []


def test_a_missing_program_is_a_status_on_both() -> None:
    """As the shell has it: a step may say that it can do without."""
    output = _machine("target", Around(missing=True)).ask("nmcli", "device", "show")
    assert output.status == 127
    assert b"is missing" in output.stderr


def test_bulk_copies_find_their_way_first() -> None:
    around = Around()
    target = _machine("target", around)
    for command in DumpDatabase("bj", "/d/bj", 2, "1").commands():
        target.run(command, lambda line: None)
    assert around.noted[-3:-1] == ["tunnel", "service source"]
    target.run(Command("target", ("psql", "-d", "service=transhume-target")), lambda line: None)
    assert around.noted[-2] == "service target"


def test_queries_of_the_source_go_through_the_tunnel() -> None:
    around = Around()
    assert _machine("source", around).sql("bj", "select 1") == [(1,)]
    assert around.noted == ["tunnel", "source bj: select 1 ()"]


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Response | Exception]:
    """What the core answers next."""
    answers: list[httpx.Response | Exception] = []

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["X-BM-ApiKey"] == "token"
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self: Machine) -> httpx.Client:
        return httpx.Client(base_url="http://core", transport=httpx.MockTransport(handle))

    monkeypatch.setattr(Machine, "_client", client)
    return answers


def _asks(core: list[httpx.Response | Exception], answer: httpx.Response | Exception) -> Any:
    core.append(answer)
    return _machine("source", Around(Output(0, b"token\n", b""))).api("/api/x")


def test_the_core_answers_in_json(core: list[httpx.Response | Exception]) -> None:
    assert _asks(core, httpx.Response(200, json="core.state.running")) == "core.state.running"


def test_what_the_core_doesnt_know_is_none(core: list[httpx.Response | Exception]) -> None:
    assert _asks(core, httpx.Response(404)) is None


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, text="[" * 100_000),
        httpx.Response(200, content=b" " * (machine._MOST + 1)),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
    ],
)
def test_any_other_answer_is_unreachable(
    core: list[httpx.Response | Exception], answer: httpx.Response | Exception
) -> None:
    with pytest.raises(Unreachable, match="the source's core doesn't answer GET /api/x") as failure:
        _asks(core, answer)
    assert failure.value.remedy == "on the source: bmctl status"
    assert "token" not in failure.value.what


@pytest.mark.parametrize("content", [b"\xff", b"s3cret\r\nX-Other: 1", b"s3 cret", b"s3cret\0"])
def test_a_token_that_is_none_is_unreachable_and_not_told(
    core: list[httpx.Response | Exception], content: bytes
) -> None:
    with pytest.raises(Unreachable, match=r"bm-core\.tok holds no key") as failure:
        _machine("source", Around(Output(0, content, b""))).api("/api/x")
    assert "cret" not in failure.value.what


def test_a_path_that_is_none_is_unreachable(core: list[httpx.Response | Exception]) -> None:
    with pytest.raises(Unreachable):
        _machine("source", Around(Output(0, b"token", b""))).api("/api/\0")


@pytest.mark.parametrize("said", [b"220-more\r\n", b"2" * 100, b"\xff\0\r\n"])
def test_a_mail_server_that_talks_for_ever_is_left(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    monkeypatch.setattr(machine._Session, "default_port", port)

    def talk() -> None:
        with suppress(OSError), listener, listener.accept()[0] as visitor:
            while True:
                visitor.sendall(said * 100)

    talking = threading.Thread(target=talk)
    talking.start()
    with pytest.raises(Unreachable, match=r"the mail server at 127\.0\.0\.1 doesn't"):
        _machine("target", Around()).greeting("127.0.0.1")
    talking.join()


def test_the_source_is_asked_through_its_socket(run_folder: Path) -> None:
    around = Around()
    with _machine("source", around)._client() as client:
        assert client.base_url == "http://127.0.0.1:8090"
    assert around.noted == ["tunnel"]


@pytest.mark.programs("python3", Path(sys.executable).name)
@pytest.mark.parametrize("place", ["source", "target"])
def test_an_agent_is_sent_along_and_reads_what_is_left(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"import sys\nif __name__ == '__main__': print(sys.argv[1:], sys.stdin.read())\n"
    monkeypatch.setattr(machine, "program", lambda name: text)
    around = Around()
    lines = _machine(place, around).agent("any", "--deep", "/a b", stdin=b"the rest")
    assert list(lines) == [b"['--deep', '/a b'] the rest"]
    assert "print" not in around.noted[0]


@pytest.mark.programs("python3", Path(sys.executable).name)
@pytest.mark.parametrize("place", ["source", "target"])
def test_an_agent_takes_no_module_from_where_root_stands(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('somebody else speaks')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(machine, "program", lambda name: b"import json; print(json.dumps([]))")
    assert list(_machine(place, Around()).agent("any")) == [b"[]"]


@pytest.mark.programs("python3", Path(sys.executable).name)
@pytest.mark.parametrize("place", ["source", "target"])
def test_what_an_agent_took_is_known_afterwards(
    monkeypatch: pytest.MonkeyPatch, place: Place
) -> None:
    text = b"import sys; held = bytearray(60 << 20); print(sys.stdin.read())"
    monkeypatch.setattr(machine, "program", lambda name: text)
    around = Around()
    assert list(_machine(place, around).agent("any", stdin=b"the rest")) == [b"the rest"]
    told = around.peaks.told()
    assert set(told) == {"transhume", place}
    assert 60 << 20 < told[place] < 160 << 20
    monkeypatch.setattr(machine, "program", lambda name: b"pass")
    list(_machine(place, around).agent("any"))
    assert around.peaks.told()[place] == told[place], "the largest counts"


@pytest.mark.programs("python3")
def test_an_agent_that_fails_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "program", lambda name: b"raise SystemExit('no such folder')")
    with pytest.raises(StepFailed, match=r"any on the source: .* no such folder"):
        list(_machine("source", Around()).agent("any"))


def test_nobody_of_us_is_connected_to_a_database_that_is_dropped() -> None:
    around = Around()
    dropped = Command("target", ("psql",), b"drop database if exists x with (force);")
    _machine("target", around).run(dropped, print)
    assert around.noted == ["log out target", "psql"]
