"""The way to the source: OpenSSH with the admin's own settings and one pinned host key."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from transhume.agent import BOOT, program
from transhume.core.change import KEY, SSH_BULK, SSH_CONFIG
from transhume.core.host import Output
from transhume.errors import Unreachable
from transhume.hosts.inquiry import Inquiry
from transhume.hosts.process import Processes

ALIAS = "transhume-source"
FOLDER = Path(SSH_CONFIG).parent
SOCKETS = FOLDER / "source"
_TRIES = 3
_PAUSE_SECONDS = 2.0
_TUNNEL_SECONDS = 20.0
# Faster than any other where the processor knows AES, and slower than most where it doesn't.
_CHEAP = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
# Names the source, by its host key, of which it is known that both processors do.
_AES = "aes"
# What of the admin's own configuration leads to the machine; `ssh -G` has resolved it.
_CARRIED = (
    "user",
    "port",
    "identityfile",
    "identitiesonly",
    "identityagent",
    "certificatefile",
    "proxyjump",
    "proxycommand",
    "ciphers",
    "kexalgorithms",
    "hostkeyalgorithms",
)

_WHO = ("identityfile", "identitiesonly", "identityagent", "certificatefile")

# ssh -G prints them bare, and reads a blank in them as their end.
_FILES = ("identityfile", "identityagent", "certificatefile")


class Ssh:
    """Runs commands on the source, and holds the tunnel to its PostgreSQL and its core."""

    def __init__(self, processes: Processes, destination: str, host_key: str) -> None:
        self._processes = processes
        self._destination = destination
        self._host_key = host_key
        self._forwards: dict[str, int] = {}
        self._tunnel: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._inquiry: Inquiry | None = None
        self._resolved = _resolve(processes, destination)
        self._address = ""
        self._choosing = threading.Lock()
        self._aes: bool | None = None
        """Whether both processors know AES; None before they were asked."""

    @property
    def hostname(self) -> str:
        """The name or address that the destination stands for."""
        return self._resolved["hostname"][0]

    def to(self, address: str) -> None:
        """Reach the source by this address from now on; empty for its usual one."""
        self.close()
        self._address = address or self.hostname
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        SOCKETS.mkdir(mode=0o700, exist_ok=True)
        Path(SSH_BULK).unlink(missing_ok=True)
        _write(FOLDER / "known_hosts", f"{ALIAS} {self._host_key}\n")
        if _noted() == self._host_key:
            self._aes = True
        _write(Path(SSH_CONFIG), self._config())

    def ensure_bulk(self) -> None:
        """Write how bulk goes: each connection on its own, since one window bounds what they share
        (about 2 MiB per round trip)."""
        self._ensure_cheap()
        with self._lock:
            if not Path(SSH_BULK).exists():
                # In ssh_config(5) the first value of a word counts.
                own = f"Host {ALIAS}\n    ControlPath none\n"
                _write(Path(SSH_BULK), own + Path(SSH_CONFIG).read_text())

    def _ensure_cheap(self) -> None:
        """Everything goes by the cheapest of the ciphers that the admin allows, from here on."""
        with self._choosing:
            if self._aes is not None or self._ordered() == self._allowed():
                return
            self._aes = self._both_have_aes()
            if self._aes:
                _write(FOLDER / _AES, self._host_key)
                _write(Path(SSH_CONFIG), self._config())
                # Who is on the shared connection stays there; whoever comes now opens another.
                self._processes.run(("ssh", "-F", SSH_CONFIG, "-O", "stop", ALIAS))

    def _allowed(self) -> list[str]:
        return [each for each in ",".join(self._resolved.get("ciphers", ())).split(",") if each]

    def _ordered(self) -> list[str]:
        """The ciphers that the admin allows, the cheapest first."""
        allowed = self._allowed()
        cheap = [cipher for cipher in _CHEAP if cipher in allowed]
        return [*cheap, *(each for each in allowed if each not in cheap)]

    def _both_have_aes(self) -> bool:
        # Tried once: where the source can't be reached what is asked next says so.
        look = ("grep", "-qw", "aes", "/proc/cpuinfo")
        run = self._processes.run
        return run(look).status == 0 == run(remote(look)).status

    def _config(self) -> str:
        lines = [f"Host {ALIAS}", f"HostName {self._address}", f"HostKeyAlias {ALIAS}"]
        carried = [(key, value) for key in _CARRIED for value in self._resolved.get(key, ())]
        if self._aes:
            order = ("ciphers", ",".join(self._ordered()))
            carried = [order, *(each for each in carried if each[0] != "ciphers")]
        if Path(KEY).exists():
            own = [("identityfile", KEY), ("identitiesonly", "yes"), ("identityagent", "none")]
            carried = own + [each for each in carried if each[0] not in _WHO]
        lines += [
            f'{key} "{value}"' if key in _FILES else f"{key} {value}" for key, value in carried
        ]
        lines += [
            f"UserKnownHostsFile {FOLDER}/known_hosts",
            "GlobalKnownHostsFile /dev/null",
            "StrictHostKeyChecking yes",
            "UpdateHostKeys no",
            "BatchMode yes",
            # sshd's `Banner` would stand among what rsync complains of.
            "LogLevel ERROR",
            "ConnectTimeout 10",
            "ServerAliveInterval 5",
            "ServerAliveCountMax 3",
            "ControlMaster auto",
            f"ControlPath {FOLDER}/ctl-%C",
            "ControlPersist 60",
            "Compression no",
        ]
        return "\n    ".join(lines) + "\n"

    def ask(self, argv: Sequence[str]) -> Output:
        """Run a command that only reads; over the standing connection where that can be had."""
        answer = self._inquire().ask(argv)
        # Asked again by itself: it alters nothing, and then the error is ssh's own.
        return self.run(argv) if answer is None else answer

    def _inquire(self) -> Inquiry:
        self._ensure_cheap()
        with self._lock:
            known = self._inquiry
            # One that never answered has no Python there: it isn't begun for each question.
            if known is None or (known.over and known.answered):
                text = program("answer")
                command = remote(("python3", "-I", "-c", BOOT, str(len(text))))
                known = self._inquiry = Inquiry(self._processes.talk(command), text)
            return known

    def run(
        self, argv: Sequence[str], stdin: bytes = b"", heard: Callable[[str], None] | None = None
    ) -> Output:
        """Run a command on the source; Unreachable when ssh itself fails three times."""
        command = remote(argv)
        for attempt in range(1, _TRIES + 1):
            output = self._processes.run(command, stdin, heard)
            if output.status != 255:
                return output
            if attempt < _TRIES:
                time.sleep(_PAUSE_SECONDS)
        raise self._unreachable(output.stderr.decode(errors="replace"))

    def lines(
        self,
        argv: Sequence[str],
        stdin: bytes = b"",
        aside: Callable[[bytes], None] = lambda said: None,
    ) -> Iterator[bytes]:
        """The lines that a command on the source prints, as they come; it isn't tried again."""
        return self._processes.lines(remote(argv), stdin, aside)

    def _unreachable(self, said: str) -> Unreachable:
        if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said or "Host key verification" in said:
            return Unreachable(
                f"the machine that answers for {self._destination} isn't the source that was "
                "confirmed: its host key is another one",
                state="Nothing was sent to it.",
                remedy="find out which machine holds the address; host_key in the settings is "
                "what was confirmed",
            )
        last = said.strip().splitlines()[-1:] or ["no answer"]
        return Unreachable(
            f"the source {self._destination} can't be reached by ssh ({last[0]}; {_TRIES} tries)",
            remedy=f"look at the network, and that this works: ssh -F {SSH_CONFIG} {ALIAS} true",
        )

    def forward(self, name: str, port: int) -> None:
        """Offer this local port of the source as a socket of that name in SOCKETS."""
        self._forwards[name] = port

    def ensure_tunnel(self) -> None:
        """Open the tunnel when it isn't there; Unreachable when it can't be had."""
        self._ensure_cheap()
        with self._lock:
            self._ensure_tunnel()

    def _ensure_tunnel(self) -> None:
        if self._tunnel is not None and self._tunnel.poll() is None:
            return
        for name in self._forwards:
            (SOCKETS / name).unlink(missing_ok=True)
        forwards = [f"-L{SOCKETS}/{name}:127.0.0.1:{port}" for name, port in self._forwards.items()]
        # A connection of its own: bulk copies on the shared one must not slow queries down.
        own = ("-o", "ControlPath=none", "-o", "ExitOnForwardFailure=yes", "-N")
        self._tunnel = self._processes.background(("ssh", "-F", SSH_CONFIG, *own, *forwards, ALIAS))
        deadline = time.monotonic() + _TUNNEL_SECONDS
        while not all(_answers(SOCKETS / name) for name in self._forwards):
            if self._tunnel.poll() is not None or time.monotonic() > deadline:
                raise self._unreachable("the tunnel for PostgreSQL and the core didn't open")
            time.sleep(0.05)

    def close(self) -> None:
        """End the tunnel and the shared connection."""
        if self._inquiry is not None:
            self._inquiry.close()
            self._inquiry = None
        if self._tunnel is not None:
            self._tunnel.terminate()
            self._tunnel.wait()
            self._tunnel = None
        if Path(SSH_CONFIG).exists():
            subprocess.run(
                ("ssh", "-F", SSH_CONFIG, "-O", "exit", ALIAS), capture_output=True, check=False
            )


def remote(argv: Sequence[str]) -> tuple[str, ...]:
    """The command line that runs these words on the source."""
    words = ("env", "LC_ALL=C.UTF-8", *argv)
    return ("ssh", "-F", SSH_CONFIG, ALIAS, "--", shlex.join(words))


def reached(processes: Processes, destination: str) -> str:
    """The name or address at which the admin's ssh reaches what is typed after it."""
    return _resolve(processes, destination)["hostname"][0]


def _resolve(processes: Processes, destination: str) -> dict[str, list[str]]:
    output = processes.run(("ssh", "-G", destination))
    if output.status != 0:
        raise Unreachable(f"ssh doesn't understand the destination {destination!r}")
    resolved: dict[str, list[str]] = {}
    for line in output.text.splitlines():
        key, _, value = line.partition(" ")
        if value not in ("", "none"):
            resolved.setdefault(key, []).append(value)
    return resolved


def _noted() -> str:
    """The host key of the source of which it is known that the cheapest cipher may be used."""
    path = FOLDER / _AES
    return path.read_text() if path.exists() else ""


def _write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text)
    part.chmod(0o600)
    part.replace(path)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def host_key(processes: Processes, destination: str, folder: Path) -> str:
    """The public key that a machine offers, before anything is sent to it but the greeting.

    It goes the admin's own way (jump hosts, ports) and stops before authentication.
    """
    known = folder / "offered"
    known.unlink(missing_ok=True)
    options = ("StrictHostKeyChecking=accept-new", "PreferredAuthentications=none", "BatchMode=yes")
    files = (f"UserKnownHostsFile={known}", "GlobalKnownHostsFile=/dev/null", "HashKnownHosts=no")
    flags = [word for option in (*options, *files, "ConnectTimeout=10") for word in ("-o", option)]
    output = processes.run(("ssh", *flags, "-o", "ControlPath=none", destination, "true"))
    if not known.exists():
        said = output.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no answer"]
        raise Unreachable(
            f"{destination} can't be reached by ssh ({said[0]})",
            state="Nothing was touched.",
            remedy=f"look at the name and the network; this must work: ssh {destination} true",
        )
    key = known.read_text().split(" ", 1)[1].strip()
    known.unlink()
    return re.sub(r"\s+", " ", key)
