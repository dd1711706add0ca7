"""`transhume init`: who the source is, what is written, and what is never replaced silently."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import memory
from tests.contract import machines
from tests.fakes import FakeHost
from tests.ui import stage
from tests.ui.stage import KEY, Stage
from transhume import errors
from transhume.core import toml
from transhume.core.host import Pair
from transhume.core.settings import Settings
from transhume.engine.journal import FILE
from transhume.ui import beginning, moving

PRINT = beginning.fingerprint(KEY)


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Stage]:
    """The command line before a move: no settings yet, and a source that offers its key."""
    with memory.fresh() as folder:
        (tmp_path / "state").symlink_to(folder)
        ready = stage.build(tmp_path, monkeypatch, capsys)
        ready.settings.unlink()
        monkeypatch.setattr(moving, "offered_key", lambda *words: KEY)
        monkeypatch.setattr(socket, "getaddrinfo", _resolved)
        route = json.dumps([{"dst": "192.0.2.10", "dev": "ens4"}])
        shown = machines.addresses("192.0.2.10/24", "2001:db8::10/64")
        ready.source.host.said["ip -j addr show"] = shown
        ready.target.host.said["ip -j route get"] = route
        yield ready


def _resolved(name: str, port: object) -> list[Any]:
    if name != "old.example.org":
        raise socket.gaierror(-2, "Name or service not known")
    return [(2, 1, 6, "", ("192.0.2.10", 0))]


def _init(typed: Stage, *words: str) -> int:
    own = ("--settings", str(typed.settings), "--state", str(typed.folder / "state"))
    return typed.type("init", "root@old.example.org", *own, *words)


def test_settings_are_written_once_the_key_is_known(typed: Stage) -> None:
    assert (_init(typed, "--host-key", PRINT), typed.err) == (0, "")
    known = toml.read(Settings, typed.settings.read_text(), "x")
    assert known.source.host_key == KEY
    assert known.address.service == ("192.0.2.10/24", "2001:db8::10/64")
    assert (known.address.source_device, known.address.target_device) == ("ens3", "ens4")
    assert typed.settings.stat().st_mode & 0o777 == 0o600
    assert "Next: transhume check" in typed.out
    assert typed.source.typed == typed.target.typed == []


def test_no_name_of_the_source_reaches_the_screen_as_it_is(typed: Stage) -> None:
    typed.source.host.said["uname -n"] = "old\x1b]0;gone\x07 \u202e [bold]x[/]\n"
    typed.source.host.files["/etc/debian_version"] = b"12\x1b[2J"
    assert _init(typed, "--host-key", PRINT) == 0
    assert "\x1b" not in typed.out
    assert "\u202e" not in typed.out
    assert "old\\x1b]0;gone\\x07 \\u202e [bold]x[/]" in typed.out


@pytest.mark.parametrize("shown", ["[{}]", "{}", "[[]]", '[{"addr_info": [1]}]', "[" * 5000, "x"])
def test_addresses_that_are_none_are_told_as_such(typed: Stage, shown: str) -> None:
    typed.source.host.said["ip -j addr show"] = shown
    code = _init(typed, "--host-key", PRINT)
    assert code in (errors.StepFailed.exit_code, errors.SettingsError.exit_code)
    assert "mistake inside" not in typed.err
    assert not typed.settings.exists()


def test_a_person_may_confirm_the_key(typed: Stage) -> None:
    typed.answers.append(True)
    assert _init(typed) == 0
    assert PRINT in typed.out


@pytest.mark.parametrize("words", [(), ("--host-key", "SHA256:other")])
def test_a_key_that_isnt_confirmed_ends_it(typed: Stage, words: tuple[str, ...]) -> None:
    assert _init(typed, *words) == errors.Declined.exit_code
    assert "Nothing was sent to it" in typed.err
    assert not typed.settings.exists()
    assert typed.sessions == 0


def test_facts_in_json_are_one_document(typed: Stage) -> None:
    assert _init(typed, "--host-key", PRINT, "--json") == 0
    said = json.loads(typed.out)
    assert [item["place"] for item in said["machines"]] == ["source", "target"]
    assert said["machines"][0]["bluemind"] == "5.1.2"


def test_existing_settings_are_kept(typed: Stage) -> None:
    typed.settings.write_text("mine")
    assert _init(typed, "--host-key", PRINT) == errors.SettingsError.exit_code
    assert typed.settings.read_text() == "mine"
    assert typed.sessions == 0
    assert _init(typed, "--host-key", PRINT, "--replace") == 0
    assert typed.settings.read_text() != "mine"


def test_a_machine_without_bluemind_is_the_wrong_one(typed: Stage) -> None:
    typed.source.host.said["dpkg-query"] = ""
    assert _init(typed, "--host-key", PRINT) == errors.Blocked.exit_code
    assert "no BlueMind is installed" in typed.err
    assert not typed.settings.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--state", "relative"), "state: "),
        (("--state", "/proc/x"), "state: "),
        (("--maintenance", "nonsense"), "--maintenance"),
        (("--maintenance", "192.0.2.300"), "--maintenance"),
        (("--maintenance", "192.0.2.11/99"), "--maintenance"),
    ],
)
def test_what_cant_be_meant_is_told_in_words(
    typed: Stage, words: tuple[str, ...], told: str
) -> None:
    assert _init(typed, "--host-key", PRINT, *words) == errors.SettingsError.exit_code
    assert told in typed.err
    assert not typed.settings.exists()


def test_a_source_that_is_no_name_is_told_before_it_is_reached(
    typed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached(*words: object) -> str:
        raise AssertionError("it was reached")

    monkeypatch.setattr(moving, "offered_key", reached)
    assert typed.type("init", "two words", "--settings", str(typed.settings)) == 3
    assert "source.ssh" in typed.err


def test_maintenance_addresses_get_the_length_of_their_kind(typed: Stage) -> None:
    own = ("--maintenance", "192.0.2.11", "--maintenance", "2001:db8::11/48")
    assert _init(typed, "--host-key", PRINT, *own) == 0
    known = toml.read(Settings, typed.settings.read_text(), "x")
    assert known.address.maintenance == ("192.0.2.11/24", "2001:db8::11/48")


def test_a_maintenance_address_of_a_kind_that_the_source_lacks(typed: Stage) -> None:
    typed.source.host.said["ip -j addr show"] = machines.addresses("192.0.2.10/24")
    own = ("--host-key", PRINT, "--maintenance", "2001:db8::11")
    assert _init(typed, *own) == errors.SettingsError.exit_code
    assert "2001:db8::11" in typed.err


def test_a_name_that_nobody_knows_is_told(typed: Stage) -> None:
    pair = Pair(typed.source.host, typed.target.host)
    with pytest.raises(errors.SettingsError, match=r"new\.example\.org"):
        beginning.addresses(pair, "new.example.org")


def test_an_address_that_the_source_doesnt_hold_is_told(typed: Stage) -> None:
    """Such as the outer one of a router."""
    typed.source.host.said["ip -j addr show"] = machines.addresses("10.0.0.5/24")
    assert _init(typed, "--host-key", PRINT) == errors.SettingsError.exit_code
    assert "no device of the source holds an address of old.example.org" in typed.err


def test_a_move_under_way_isnt_begun_anew(typed: Stage) -> None:
    assert _init(typed, "--host-key", PRINT) == 0
    typed.settings.write_text(stage.text(typed.folder / "state"))
    assert typed.type("sync") == 0
    assert _init(typed, "--host-key", PRINT, "--replace") == errors.JournalRefused.exit_code
    assert "a move is under way" in typed.err


def test_the_journal_of_an_ended_move_is_kept_aside(typed: Stage) -> None:
    typed.settings.write_text(stage.text(typed.folder / "state"))
    for words in (("cutover", "--yes"), ("verify",), ("finish",)):
        assert typed.type(*words) == 0
    assert _init(typed, "--host-key", PRINT, "--replace") == 0
    names = [path.name for path in (typed.folder / "state").iterdir()]
    assert FILE not in names
    assert any(name.endswith(f"-{FILE}") for name in names)


@pytest.mark.parametrize(
    ("release", "system"),
    [
        (b'NAME="Debian GNU/Linux"\n', "Debian 12.1"),
        (b"NAME=AlmaLinux\n", "AlmaLinux 12.1"),
        (b'NAME=""\n', "? 12.1"),
        (b"\xff=\n", "? 12.1"),
    ],
)
def test_a_machine_is_recognised_by_what_it_says(release: bytes, system: str) -> None:
    host = machines.target()
    host.files["/etc/os-release"] = release
    found = beginning.facts(host)
    assert (found.system, found.name, found.bluemind) == (system, "machine", "5.1.2")


def test_a_machine_without_databases_is_a_fresh_one() -> None:
    host = FakeHost("target", said=machines.target().said)
    found = beginning.facts(host)
    assert (found.postgresql, found.mailboxes) == ("?", None)


def test_a_fingerprint_is_what_ssh_keygen_shows() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    # GitHub's, as it is published.
    assert beginning.fingerprint(key) == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
