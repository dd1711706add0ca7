"""The way to the source, with a program named ssh that does as it is told."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from transhume.errors import EnvironmentLacks, Unreachable
from transhume.hosts import ssh
from transhume.hosts.process import Processes
from transhume.hosts.ssh import Ssh, host_key

pytestmark = pytest.mark.programs("ssh", faked=True)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ"
RESOLVED = """\
user root
hostname mail.example.org
port 2222
addressfamily any
identityfile ~/.ssh/id_ed25519
identityfile ~/.ssh/key of mail
proxyjump jump.example.org
proxycommand none
ciphers aes128-gcm@openssh.com
"""
CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
Host key verification failed.
"""


class Program:
    """The program: what it prints for -G, and for all else its status and words, in turn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "resolved").write_text(RESOLVED)
        (folder / "ssh").write_text(
            f'#!/bin/sh\nF={folder}\nprintf "%s\\n" "$*" >> $F/typed\n'
            'case "$1" in -G) cat $F/resolved; exit $(cat $F/resolves || echo 0);; esac\n'
            ". $F/then\n"
        )
        (folder / "ssh").chmod(0o755)
        (folder / "resolves").write_text("0")
        self.then("exit 0")

    def then(self, script: str) -> None:
        """What it does when it is to reach the machine."""
        (self.folder / "then").write_text(script)

    @property
    def typed(self) -> list[str]:
        """The command lines so far."""
        return (self.folder / "typed").read_text().splitlines()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """The program, the first on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(ssh, "_PAUSE_SECONDS", 0)
    return Program(folder)


@pytest.fixture
def way(program: Program, run_folder: Path) -> Ssh:
    """The way to the source by its usual address."""
    found = Ssh(Processes(), "root@mail", KEY)
    found.to("")
    return found


def _config(folder: Path) -> list[str]:
    return [line.strip() for line in (folder / "ssh_config").read_text().splitlines()]


def test_only_the_confirmed_key_is_accepted(way: Ssh, run_folder: Path) -> None:
    lines = _config(run_folder)
    assert (run_folder / "known_hosts").read_text() == f"transhume-source {KEY}\n"
    for line in (
        "StrictHostKeyChecking yes",
        "UpdateHostKeys no",
        "GlobalKnownHostsFile /dev/null",
        f"UserKnownHostsFile {run_folder}/known_hosts",
        "HostKeyAlias transhume-source",
        "BatchMode yes",
    ):
        assert line in lines


def test_a_banner_is_nothing_that_a_command_said(way: Ssh, run_folder: Path) -> None:
    """ssh prints sshd's `Banner` among a command's complaints, unless only errors are wanted: then
    rsync's own, by which a file that changed is told from one that can't be read, stand alone."""
    assert "LogLevel ERROR" in _config(run_folder)


def test_the_admins_own_settings_are_carried_over(way: Ssh, run_folder: Path) -> None:
    lines = _config(run_folder)
    for line in ("user root", "port 2222", "proxyjump jump.example.org"):
        assert line in lines
    assert "HostName mail.example.org" in lines
    assert not [line for line in lines if line.endswith(" none") or line.startswith("addressf")]


def test_a_blank_in_the_name_of_a_key_file_is_no_end(way: Ssh, run_folder: Path) -> None:
    assert 'identityfile "~/.ssh/key of mail"' in _config(run_folder)


def test_the_key_of_the_move_is_used_alone(
    way: Ssh, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "id_ed25519"
    monkeypatch.setattr(ssh, "KEY", str(own))
    own.touch()
    way.to("")
    lines = [line for line in _config(run_folder) if line.startswith("identi")]
    first = f'identityfile "{own}"'
    assert lines == [first, "identitiesonly yes", 'identityagent "none"']


def test_another_address_leads_to_the_same_machine(way: Ssh, run_folder: Path) -> None:
    way.to("192.0.2.11")
    lines = _config(run_folder)
    assert "HostName 192.0.2.11" in lines
    assert "HostKeyAlias transhume-source" in lines
    way.to("")
    assert "HostName mail.example.org" in _config(run_folder)


_AES = "aes128-gcm@openssh.com,aes256-gcm@openssh.com"
_OTHER = "chacha20-poly1305@openssh.com"
_ALLOWED = f"{_OTHER},aes256-gcm@openssh.com,aes128-gcm@openssh.com"


def _asked(program: Program, here: int, there: int) -> Ssh:
    """A way that was asked something once; of both processors grep says this."""
    (program.folder / "resolved").write_text(f"hostname mail\nciphers {_ALLOWED}\n")
    (program.folder / "grep").write_text(f"#!/bin/sh\nexit {here}\n")
    (program.folder / "grep").chmod(0o755)
    program.then(f"exit {there}")
    way = Ssh(Processes(), "root@mail", KEY)
    way.to("")
    way.ask(("true",))
    return way


@pytest.mark.programs("ssh", "grep", faked=True)
@pytest.mark.parametrize(
    ("here", "there", "order"),
    [(0, 0, f"{_AES},{_OTHER}"), (1, 0, _ALLOWED), (0, 1, _ALLOWED)],
    ids=["both know AES", "the target doesn't", "the source doesn't"],
)
def test_all_goes_by_the_cheapest_cipher_that_the_admin_allows(
    program: Program, run_folder: Path, here: int, there: int, order: str
) -> None:
    way = _asked(program, here, there)
    assert f"ciphers {order}" in _config(run_folder)
    way.ensure_bulk()
    lines = [line.strip() for line in (run_folder / "ssh_bulk").read_text().splitlines()]
    assert lines[:3] == ["Host transhume-source", "ControlPath none", "Host transhume-source"]
    assert f"ciphers {order}" in lines
    assert "HostName mail" in lines
    way.to("192.0.2.11")
    assert not (run_folder / "ssh_bulk").exists()
    assert f"ciphers {order}" in _config(run_folder)
    way.close()


@pytest.mark.programs("ssh", "grep", faked=True)
def test_both_processors_are_asked_once(program: Program, run_folder: Path) -> None:
    def looks() -> int:
        return sum("cpuinfo" in line for line in program.typed)

    way = _asked(program, 0, 0)
    way.ask(("true",))
    assert looks() == 1
    assert sum("-O stop" in line for line in program.typed) == 1
    again = Ssh(Processes(), "root@mail", KEY)
    again.to("")
    again.ask(("true",))
    assert f"ciphers {_AES},{_OTHER}" in _config(run_folder)
    assert looks() == 1
    Ssh(Processes(), "root@mail", f"{KEY}other").to("")
    assert f"ciphers {_ALLOWED}" in _config(run_folder), "another source has its own processor"


def test_no_cipher_is_used_that_the_admin_left_out(way: Ssh, run_folder: Path) -> None:
    way.ensure_bulk()
    assert "ciphers aes128-gcm@openssh.com\n" in (run_folder / "ssh_bulk").read_text()


def test_its_files_are_private(way: Ssh, run_folder: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in run_folder.iterdir()}
    assert modes == {"source": 0o700, "known_hosts": 0o600, "ssh_config": 0o600}
    assert stat.S_IMODE(run_folder.stat().st_mode) == 0o700


def test_words_reach_the_other_shell_as_they_are(way: Ssh, program: Program) -> None:
    way.run(("sh", "-c", 'echo "$1"', "x", "it's $HOME; rm -rf *"))
    last = program.typed[-1]
    assert last.startswith("-F ")
    assert last.endswith(
        """transhume-source -- env LC_ALL=C.UTF-8 sh -c 'echo "$1"' x 'it'"'"'s $HOME; rm -rf *'"""
    )


def test_input_and_output_go_through(way: Ssh, program: Program) -> None:
    program.then("cat; echo wrong >&2; exit 3")
    output = way.run(("cat",), b"in")
    assert (output.status, output.stdout, output.stderr) == (3, b"in", b"wrong\n")


def test_a_lost_connection_is_tried_again(way: Ssh, program: Program) -> None:
    program.then('test $(wc -l < $F/typed) -lt 4 && { echo "timed out" >&2; exit 255; }; echo ok')
    assert way.run(("true",)).stdout == b"ok\n"


_REAL = 'while test "$1" != --; do shift; done; shift; eval "exec $*"'
"""What a real one does with the words, on this machine."""


@pytest.mark.programs("ssh", "env", "python3", faked=True)
def test_reading_commands_share_one_connection(way: Ssh, program: Program) -> None:
    program.then(_REAL)
    before = len(program.typed)
    assert [way.ask(("echo", word)).stdout for word in ("it's", "one")] == [b"it's\n", b"one\n"]
    assert len(program.typed) == before + 1
    way.close()


@pytest.mark.programs("ssh", "env", "python3", faked=True)
def test_a_broken_connection_is_opened_anew(way: Ssh, program: Program) -> None:
    program.then(_REAL)
    assert way.ask(("true",)).status == 0
    # Once, the command ends the program that runs it.
    broken = program.folder / "broken"
    script = 'test -e "$0" || { touch "$0"; kill -9 $PPID; }; echo late'
    assert way.ask(("sh", "-c", script, str(broken))).stdout == b"late\n"
    assert broken.exists()
    assert way.ask(("echo", "again")).stdout == b"again\n"
    way.close()


@pytest.mark.programs("ssh", "env", "echo", faked=True)
def test_without_python_there_each_question_goes_by_itself(way: Ssh, program: Program) -> None:
    program.then(f'case "$*" in *python3*) echo "env: python3: none" >&2; exit 127;; esac; {_REAL}')
    assert [way.ask(("echo", word)).stdout for word in ("one", "two")] == [b"one\n", b"two\n"]
    assert sum("python3" in typed for typed in program.typed) == 1


def test_no_connection_is_unreachable_with_the_last_word(way: Ssh, program: Program) -> None:
    program.then('echo "ssh: connect to host mail port 22: No route to host" >&2; exit 255')
    with pytest.raises(Unreachable, match=r"root@mail can't be reached .*No route to host; 3 tr"):
        way.run(("true",))


def test_another_machine_at_the_address_is_told_as_that(way: Ssh, program: Program) -> None:
    (program.folder / "changed").write_text(CHANGED)
    program.then("cat $F/changed >&2; exit 255")
    with pytest.raises(Unreachable, match="isn't the source that was confirmed") as another:
        way.run(("true",))
    assert another.value.state == "Nothing was sent to it."


def test_a_silent_ssh_is_no_answer(way: Ssh, program: Program) -> None:
    program.then("exit 255")
    with pytest.raises(Unreachable, match="no answer"):
        way.run(("true",))


def test_a_destination_that_ssh_doesnt_understand(program: Program, run_folder: Path) -> None:
    (program.folder / "resolves").write_text("255")
    with pytest.raises(Unreachable, match="doesn't understand the destination 'a b'"):
        Ssh(Processes(), "a b", KEY)


def test_without_ssh_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(EnvironmentLacks, match="is missing on this machine"):
        Ssh(Processes(), "root@mail", KEY)


def test_a_tunnel_that_doesnt_open_is_unreachable(way: Ssh, program: Program) -> None:
    way.forward("core.sock", 8090)
    program.then("exit 255")
    with pytest.raises(Unreachable, match="the tunnel for PostgreSQL and the core didn't open"):
        way.ensure_tunnel()


@pytest.mark.programs("ssh", "python3", faked=True)
def test_a_tunnel_is_opened_once_and_closed(way: Ssh, program: Program, run_folder: Path) -> None:
    sock = run_folder / "source" / "core.sock"
    listen = "import socket,sys,time; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])"
    program.then(
        f'case "$*" in *-O*) exit 0;; esac; exec python3 -c "{listen}; s.listen(); '
        f'[s.accept() for _ in iter(int, 1)]" {sock}'
    )
    way.forward("core.sock", 8090)
    way.ensure_tunnel()
    way.ensure_tunnel()
    opened = [line for line in program.typed if "-L" in line]
    way.close()
    assert len(opened) == 1
    assert f"-L{sock}:127.0.0.1:8090" in opened[0]
    assert "ControlPath=none" in opened[0]


def test_the_key_that_a_machine_offers_is_read_without_logging_in(
    program: Program, tmp_path: Path
) -> None:
    program.then(
        'for w; do case "$w" in UserKnownHostsFile=*) k=${w#*=};; esac; done; '
        f'echo "mail.example.org {KEY}" > "$k"; echo "Permission denied" >&2; exit 255'
    )
    assert host_key(Processes(), "mail", tmp_path) == KEY
    assert "PreferredAuthentications=none" in program.typed[-1]
    assert not (tmp_path / "offered").exists()


def test_a_machine_that_offers_none_is_unreachable(program: Program, tmp_path: Path) -> None:
    program.then('echo "ssh: Could not resolve hostname mial" >&2; exit 255')
    with pytest.raises(Unreachable, match=r"mial can't be reached .*Could not resolve") as failure:
        host_key(Processes(), "mial", tmp_path)
    assert failure.value.remedy.endswith("ssh mial true")
